"""Which pictures make up which step: a pure function, so that a resume needs no saved position."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from cnn_cli.rng import generator

ENDLESS = 1 << 40
"""Steps of a plan whose epochs are not known."""


@dataclass(frozen=True, eq=False)
class Balance:
    """The pictures of each class that has any, as (n,) int64 indices."""

    members: tuple[Tensor, ...]

    @staticmethod
    def of(labels: Tensor) -> "Balance":
        """From the labels (N,) of the pictures."""
        present = labels.bincount().nonzero().flatten()
        return Balance(tuple((labels == label).nonzero().flatten() for label in present))


@dataclass(frozen=True)
class Plan:
    """Maps a step to (epoch, indices).

    Training shuffles each epoch anew and leaves out the rest that does not fill a batch (a set
    smaller than one batch makes one smaller batch). With `shuffle=False` the pictures come in order
    and the last batch may be smaller: nothing is padded or dropped.
    """

    n: int
    batch_size: int
    epochs: int | None = 1
    """None where another clock says when it is enough: the steps then do not end"""
    seed: int = 0
    shuffle: bool = True
    balance: Balance | None = None
    """every class as often as the others, so that an epoch repeats pictures of the rare ones"""

    @property
    def steps_per_epoch(self) -> int:
        if self.shuffle:
            return max(1, self.n // self.batch_size)
        return -(-self.n // self.batch_size)

    @property
    def total(self) -> int:
        """Steps in all; more than anybody makes where the epochs are not known."""
        return ENDLESS if self.epochs is None else self.steps_per_epoch * self.epochs

    def epoch(self, step: int) -> int:
        """The epoch, from 0, that `step` belongs to."""
        return step // self.steps_per_epoch

    def indices(self, step: int) -> Tensor:
        """(B,) int64 on the CPU: the pictures of `step`."""
        epoch, part = divmod(step, self.steps_per_epoch)
        start = part * self.batch_size
        if not self.shuffle:
            return torch.arange(start, min(start + self.batch_size, self.n))
        order = (
            _order(self.seed, epoch, self.n)
            if self.balance is None
            else _balanced_order(self.seed, epoch, self.n, self.balance)
        )
        return order[start : start + self.batch_size]


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, n: int) -> Tensor:
    return torch.randperm(n, generator=generator(seed, "order", epoch))


@lru_cache(maxsize=2)
def _balanced_order(seed: int, epoch: int, n: int, balance: Balance) -> Tensor:
    """n indices in random order, of each class as many; none twice before all of its class once."""
    numbers = generator(seed, "order", epoch)
    classes = len(balance.members)
    parts = []
    for place, members in enumerate(balance.members):
        # what does not divide evenly goes to other classes in each epoch
        wanted = n // classes + ((place + epoch) % classes < n % classes)
        rounds = -(-wanted // len(members))
        drawn = [members[torch.randperm(len(members), generator=numbers)] for _ in range(rounds)]
        parts += [torch.cat(drawn)[:wanted]] if drawn else []
    chosen = torch.cat(parts)
    return chosen[torch.randperm(n, generator=numbers)]
