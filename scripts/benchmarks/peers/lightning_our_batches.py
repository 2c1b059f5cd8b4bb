"""Lightning fed with cnn-train's batches: what is left of a gain is the engine's, not theirs."""

from collections.abc import Iterator

import numpy as np
import torch
from lightning_trainer import run
from networks import MEAN, STD
from task import Task
from torch import Tensor

from cnn_cli.augmentation.geometry import HorizontalFlip, PaddedCrop
from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.data.plan import Plan
from cnn_cli.data.resident import Resident
from cnn_cli.models.classifier import Normalize


class OurBatches:
    """An epoch of batches at each iteration: pad-and-crop, flip, normalised."""

    def __init__(self, task: Task) -> None:
        with np.load(task.file) as arrays:
            images = torch.from_numpy(arrays["train_images"])
            labels = torch.from_numpy(arrays["train_labels"])
        self.split = Resident(images, labels, [""] * len(labels))
        self.plan = Plan(len(labels), task.batch_size, epochs=task.epochs)
        ops = {
            "crop": PaddedCrop(task.padding, "zero"),
            "flip": HorizontalFlip(True, 0.5),
        }
        self.augmentation = Augmentation(ops, 0)
        window = self.augmentation.window(task.size)
        self.batches = self.split.batches(self.plan, 0, window)
        self.normalize = Normalize((MEAN,) * task.channels, (STD,) * task.channels)

    def __len__(self) -> int:
        return self.plan.steps_per_epoch

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(len(self)):
            batch = next(self.batches)
            images, labels = self.augmentation(batch.images, batch.labels, batch.step, cropped=True)
            yield self.normalize(images), labels


def main() -> None:
    task = Task()
    run(task, OurBatches(task))


if __name__ == "__main__":
    main()
