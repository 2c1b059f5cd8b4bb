"""A small model, data and predictions that figures can be drawn from."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnn_cli.augmentation.geometry import HorizontalFlip
from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.data.contract import Batch, Dataset, Preprocessing
from cnn_cli.engine.predict import Predictions
from cnn_cli.visualize.subject import Subject

CLASSES = ("ant", "bee", "cat")
SIZE = 12


@dataclass(frozen=True)
class Pictures:
    """A split in memory: what figures use of one."""

    images: Tensor
    labels: Tensor
    names: tuple[str, ...] = field(default=())
    crops: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> Batch:
        return Batch(self.images[indices], self.labels[indices], 0)


def make_pictures(count: int, channels: int, classes: int = 3) -> Pictures:
    source = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, channels, SIZE, SIZE), generator=source)
    return Pictures(images.to(torch.uint8), torch.arange(count) % classes)


def make_model(channels: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 10, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(10, 3),
        ).eval()


def make_predictions(labels: Tensor) -> Predictions:
    chances = np.random.default_rng(2).dirichlet(np.ones(3), len(labels))
    return Predictions(labels.numpy(), chances, ("x",) * len(labels), CLASSES)


def line(epoch: int, **changes: Any) -> dict[str, Any]:
    return {
        "step": 10 * epoch,
        "epoch": epoch,
        "lr": 0.1 / epoch,
        "train": {"loss": 2 / epoch, "accuracy": 1 - 0.5 / epoch, "grad_norm": 1.0},
        "val": {"loss": 2.5 / epoch, "accuracy": 1 - 0.6 / epoch},
        "best": True,
        "time": {"elapsed": 3.0 * epoch, "images_per_second": 100.0},
        **changes,
    }


@pytest.fixture
def make_subject() -> Callable[..., Subject]:
    """A complete subject; `channels` of its pictures, and fields to change."""

    def make(channels: int = 3, **changes: Any) -> Subject:
        split = make_pictures(24, channels)
        subject = Subject(
            classes=CLASSES,
            preprocessing=Preprocessing(channels, SIZE),
            device=torch.device("cpu"),
            seed=0,
            title="a run",
            model=make_model(channels),
            dataset=Dataset("ants", CLASSES, split, split, split, ""),  # type: ignore[arg-type]
            split=split,  # type: ignore[arg-type]
            augmentation=Augmentation({"flip": HorizontalFlip(True, 0.5)}, 0),
            predictions=lambda: make_predictions(split.labels),
            metrics=tuple(line(epoch) for epoch in (1, 2, 3)),
        )
        return replace(subject, **changes)

    return make
