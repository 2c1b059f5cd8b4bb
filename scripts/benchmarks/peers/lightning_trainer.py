"""Lightning as its guide shows it: a LightningModule and a Trainer with its own defaults."""

import time
from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from networks import MOMENTUM, RATE
from task import Task
from torch import Tensor, nn


class LitClassifier(L.LightningModule):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:  # noqa: ARG002
        x, y = batch
        loss = F.cross_entropy(self.network(x), y)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:  # noqa: ARG002
        x, y = batch
        self.log("accuracy", (self.network(x).argmax(1) == y).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=RATE, momentum=MOMENTUM)


def run(task: Task, train_batches: Any) -> None:
    """Train on batches (images, labels), test, and write the result."""
    model = LitClassifier(task.network())
    trainer = L.Trainer(max_epochs=task.epochs, default_root_dir=task.out, precision=task.precision)
    start = time.monotonic()
    trainer.fit(model, train_dataloaders=train_batches)
    seconds = time.monotonic() - start
    (found,) = trainer.test(model, dataloaders=task.test_loader())
    task.write(model.network, train_seconds=seconds, accuracy=found["accuracy"])


def main() -> None:
    task = Task()
    run(task, task.train_loader())


if __name__ == "__main__":
    main()
