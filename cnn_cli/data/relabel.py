"""A split whose classes are numbered as a model numbers them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from cnn_cli.data.contract import Batch, Split, Window
from cnn_cli.data.plan import Plan


@dataclass(frozen=True)
class Relabelled:
    """`split` with label i replaced by numbers[i]; pictures and order stay."""

    split: Split
    numbers: tuple[int, ...]

    @property
    def labels(self) -> Tensor:
        return torch.tensor(self.numbers)[self.split.labels]

    @property
    def names(self) -> Sequence[str]:
        return self.split.names

    @property
    def paths(self) -> Sequence[Path] | None:
        return self.split.paths

    @property
    def crops(self) -> bool:
        return self.split.crops

    def __len__(self) -> int:
        return len(self.split)

    def to(self, device: torch.device) -> Self:
        return type(self)(self.split.to(device), self.numbers)

    def batches(self, plan: Plan, start: int = 0, window: Window | None = None) -> Iterator[Batch]:
        return (self._renumber(batch) for batch in self.split.batches(plan, start, window))

    def take(self, indices: Tensor) -> Batch:
        return self._renumber(self.split.take(indices))

    def _renumber(self, batch: Batch) -> Batch:
        numbers = torch.tensor(self.numbers, device=batch.labels.device)
        return batch._replace(labels=numbers[batch.labels])
