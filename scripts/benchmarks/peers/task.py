"""What the scripts beside it share: the task on their command line, its pictures, the result."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from networks import FORMS, MEAN, PADDING, STD, network
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Files(Dataset[tuple[Any, int]]):
    """One part of the .npz, an item as torchvision's MNIST and CIFAR10 give it."""

    def __init__(self, file: str, part: str, transform: Callable[[Any], Any]) -> None:
        with np.load(file) as arrays:
            self.images = arrays[f"{part}_images"].transpose(0, 2, 3, 1).copy()
            self.labels = arrays[f"{part}_labels"]
        if self.images.shape[-1] == 1:
            self.images = self.images[..., 0]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


class Task:
    """What to train, how long, and where the result goes."""

    def __init__(self) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--network", required=True)
        parser.add_argument("--data", required=True, help="the .npz")
        parser.add_argument("--out", required=True, type=Path, help="folder for the result")
        parser.add_argument("--epochs", type=int, default=1)
        parser.add_argument("--batch-size", type=int, default=128)
        parser.add_argument("--workers", default="0", help="of the DataLoader")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--optimizer", default="sgd", choices=("sgd", "adam"))
        parser.add_argument("--precision", default="32-true", help="as Lightning calls it")
        parser.add_argument("--until", type=float, help="accuracy at which to stop")
        self.given = parser.parse_args()
        self.file: str = self.given.data
        self.out: Path = self.given.out
        self.epochs: int = self.given.epochs
        self.batch_size: int = self.given.batch_size
        self.channels, self.size = FORMS[self.given.network]
        self.padding = PADDING[self.size]
        self.out.mkdir(parents=True)
        torch.manual_seed(self.given.seed)
        with np.load(self.file) as arrays:
            self.num_classes = int(arrays["train_labels"].max()) + 1

    @property
    def precision(self) -> str:
        return str(self.given.precision)

    @property
    def workers(self) -> int:
        return int(self.given.workers)

    def network(self) -> nn.Module:
        return network(self.given.network, self.num_classes)

    def dataset(self, part: str, augmented: bool) -> Files:
        """Pictures as normalised tensors (C, H, W), by torchvision's v1 transforms."""
        crop = transforms.RandomCrop(self.size, padding=self.padding)
        first = [crop, transforms.RandomHorizontalFlip()] if augmented else []
        last = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        return Files(self.file, part, transforms.Compose([*first, *last]))

    def train_loader(self, augmented: bool = True) -> DataLoader[Any]:
        return DataLoader(
            self.dataset("train", augmented),
            batch_size=self.batch_size,
            shuffle=True,
            num_workers=self.workers,
        )

    def test_loader(self) -> DataLoader[Any]:
        return DataLoader(
            self.dataset("test", augmented=False),
            batch_size=self.batch_size,
            num_workers=self.workers,
        )

    def write(self, model: nn.Module, **found: Any) -> None:
        """Put result.json into the folder `out`; it says how many parameters `model` has."""
        parameters = sum(parameter.numel() for parameter in model.parameters())
        (self.out / "result.json").write_text(json.dumps({"parameters": parameters, **found}))
