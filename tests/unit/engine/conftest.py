"""A training task small enough to run many times: 70 random pictures of three classes."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from rich.console import Console

from cnn_cli.augmentation.geometry import HorizontalFlip, PaddedCrop
from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.decoding import Decoded
from cnn_cli.data.plan import Plan
from cnn_cli.data.resident import Resident
from cnn_cli.device import Device
from cnn_cli.engine.display import Display
from cnn_cli.engine.loss import Loss
from cnn_cli.engine.state import TrainState, new_state
from cnn_cli.engine.step import StepSettings
from cnn_cli.engine.task import Task
from cnn_cli.engine.train import train
from cnn_cli.models.classifier import Classifier, Normalize
from cnn_cli.optim.groups import parameter_groups
from cnn_cli.optim.schedules import OneCycle
from cnn_cli.rng import seed_layers
from cnn_cli.run import Run
from cnn_cli.sections import TrainerConfig

CPU = Device(torch.device("cpu"), "fp32", True, False, 1, 0)
TRAINER: dict[str, Any] = {
    "epochs": 3,
    "budget": None,
    "batch_size": 16,
    "lr_batch": None,
    "sampling": "uniform",
    "accumulate": 1,
    "clip_norm": None,
    "ema_decay": None,
    "validate_every": 1,
    "monitor": "accuracy",
    "patience": None,
    "max_time": None,
    "non_finite": "stop",
    "checkpoint_every": None,
    "eval_batch_size": 10,
    "crop_while_gathering": True,
    "tensorboard": False,
}


def split(n: int, seed: int) -> Resident:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=generator)
    images = torch.randint(0, 120, (n, 3, 8, 8), generator=generator, dtype=torch.uint8)
    images += (labels * 60).to(torch.uint8).view(-1, 1, 1, 1)
    return Resident(images, labels, [f"{i:03d}" for i in range(n)])


def dataset(train_size: int = 70, val_size: int = 25) -> Dataset:
    return Dataset(
        "random",
        ("dark", "middle", "bright"),
        split(train_size, 0),
        split(val_size, 1),
        split(30, 2),
        "fingerprint",
    )


def decoded(data: Dataset, folder: Path, workers: int) -> Dataset:
    """The same pictures as PNG files that workers decode."""

    def files(part: str) -> Decoded:
        source = getattr(data, part)
        batch = source.take(torch.arange(len(source)))
        paths = [folder / f"{part}-{name}.png" for name in source.names]
        for path, image in zip(paths, batch.images, strict=True):
            if not path.exists():
                Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
        form = Preprocessing(3, 8, "crop", (0.5,) * 3, (0.25,) * 3)
        return Decoded(paths, batch.labels, source.names, form, workers)

    parts = {part: files(part) for part in ("train", "val", "test")}
    return replace(data, **parts)


def network(seed: int = 0) -> Classifier:
    seed_layers(seed, "init")
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(8, 3),
    )
    model = Classifier(Normalize((0.5,) * 3, (0.25,) * 3), net)
    CPU.place_model(model)
    return model


class Workbench:
    """Makes tasks and fresh states for them, and runs them without a terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def task(
        self,
        name: str = "run",
        *,
        data: Dataset | None = None,
        max_seconds: float = math.inf,
        **changes: Any,
    ) -> Task:
        data = data or dataset()
        trainer = TrainerConfig(**{**TRAINER, **changes})
        augmentation = Augmentation(
            {
                "crop": PaddedCrop(padding=1, fill="zero"),
                "flip": HorizontalFlip(enabled=True, probability=0.5),
            },
            0,
        )
        run = Run(self.folder / name)
        run.folder.mkdir(exist_ok=True)
        settings = StepSettings(
            augmentation=augmentation,
            schedule=OneCycle(warmup=0.25, start_factor=0.1, end_factor=0.01),
            rates=(0.05, 0.05),
            num_classes=3,
            loss=Loss(smoothing=0.1),
            accumulate=trainer.accumulate,
            clip_norm=trainer.clip_norm,
            ema_decay=trainer.ema_decay,
            seed=0,
            cropped=data.train.crops,
        )
        return Task(
            dataset=data,
            preprocessing=Preprocessing(3, 8, "crop", (0.5,) * 3, (0.25,) * 3),
            plan=Plan(len(data.train), trainer.batch_size, trainer.epochs),
            window=augmentation.window(8) if data.train.crops else None,
            settings=settings,
            trainer=trainer,
            max_seconds=max_seconds,
            device=CPU,
            run=run,
            config="model: {}\n",
        )

    def state(self, task: Task) -> TrainState:
        model = network()
        optimizer = torch.optim.SGD(
            parameter_groups(model, 1e-3), lr=0.05, momentum=0.9, nesterov=True, fused=True
        )
        averaged = task.trainer.ema_decay is not None
        plan = task.plan
        return new_state(model, optimizer, CPU, averaged, plan.steps_per_epoch, plan.total)

    def train(self, task: Task, state: TrainState) -> str:
        display = Display(Console(quiet=True))
        with display.training(state.step, state.total, task.plan.steps_per_epoch, state.best):
            return train(task, state, display, None)


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    torch.set_num_threads(1)
    return Workbench(tmp_path)


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    return dataset


@pytest.fixture
def make_decoded(tmp_path: Path) -> Callable[[int], Dataset]:
    """A number of workers -> the data set as files."""
    return lambda workers: decoded(dataset(), tmp_path, workers)
