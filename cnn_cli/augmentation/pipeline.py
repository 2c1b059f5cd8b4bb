"""Applies augmentation ops to a batch, with random numbers that are addressed by name and step."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor

from cnn_cli.data.contract import Window
from cnn_cli.data.plan import Plan
from cnn_cli.rng import generator


class Op(Protocol):
    """One augmentation: random parameters are drawn apart, so that applying them is pure.

    Beside what follows, an op may have `mixes = False`, where it leaves targets as they are,
    `plans_on_cpu = True`, to get its parameters there, `alternates = True`, to get those of a
    picture's first epoch in each, negated in every other one, `gathers = True` where it is a padded
    crop (with `padding`, `fill` and `check(size)` as geometry.PaddedCrop has them), which a source
    can perform while it gathers, and `side(size)` where it resizes pictures.
    """

    @property
    def pixels_only(self) -> bool:
        """Takes uint8 or floats in [0, 1] and keeps them, as what only moves pixels can.

        Others get floats.
        """
        ...

    @property
    def active(self) -> bool:
        """False where the op's settings leave nothing for it to do."""
        ...

    def draw(self, generator: torch.Generator, n: int, size: int, /) -> Tensor:
        """(n, k) parameters on the CPU, one row per picture of size x size pixels."""
        ...

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """New images (N, C, H, W) and targets (N, K); the given ones stay as they are."""
        ...


class Augmentation:
    """`ops` one after another; each draws from (seed, its name, step), whatever the others do.

    Inactive ops are left out. Pictures stay uint8 up to the first op that needs floats. `until`
    names ops that work only as long as less than that share of training is done. `plan` says which
    pictures a step has; without one, ops that alternate draw anew for each step.
    """

    def __init__(
        self,
        ops: Mapping[str, Op],
        seed: int,
        until: Mapping[str, float] = MappingProxyType({}),
        plan: Plan | None = None,
    ) -> None:
        shares = {name: until.get(name, 1.0) for name in ops}
        self.ops = {name: op for name, op in ops.items() if op.active and shares[name] > 0}
        self.until = {name: shares[name] for name in self.ops if shares[name] < 1}
        self.seed = seed
        self.plan = plan
        self._first: dict[str, Tensor] = {}
        self.mixes = any(getattr(op, "mixes", True) for op in self.ops.values())
        """whether an op may change targets"""
        self.resizes = any(map(_resizes, self.ops.values()))
        """whether an op changes the pictures' size"""

    def of(self, plan: Plan) -> "Augmentation":
        """The same for batches of another plan."""
        return Augmentation(self.ops, self.seed, self.until, plan)

    def sides(self, size: int) -> list[int]:
        """The sides that pictures of side `size` have in training, as one op after another ends."""
        found = []
        for begin in [0.0, *sorted(set(self.until.values()))]:
            side = size
            for op in self._resizing(begin):
                side = op.side(side)
            found.append(side)
        return list(dict.fromkeys(found))

    def at_full_size(self) -> "Augmentation":
        """Without the ops that resize: a step as large as any."""
        ops = {name: op for name, op in self.ops.items() if not _resizes(op)}
        return Augmentation(ops, self.seed, self.until, self.plan)

    def pixels(self, progress: float) -> float:
        """Share of a whole picture's pixels that one has when `progress` of training is done."""
        size = 1 << 10
        side = size
        for op in self._resizing(progress):
            side = op.side(side)
        return (side / size) ** 2

    def pixels_ahead(self, progress: float) -> float:
        """The mean of `pixels` from `progress` to the end; at the end, what it is there."""
        if progress >= 1:
            return self.pixels(progress)
        total, begin = 0.0, progress
        for end in [*sorted(share for share in self.until.values() if share > progress), 1.0]:
            total += (end - begin) * self.pixels(begin)
            begin = end
        return total / (1 - progress)

    def _resizing(self, progress: float) -> list[Any]:
        working = (op for name, op in self.ops.items() if progress < self.until.get(name, 1.0))
        return [op for op in working if _resizes(op)]

    def window(self, size: int) -> Window | None:
        """The leading padded crop, for a source to perform while it gathers; None if there is none.

        Raises ValueError where pictures of size x size are too small for its padding.
        """
        name = next(iter(self.ops), "")
        op: Any = self.ops.get(name)
        if not _gathers(op):
            return None
        op.check(size)
        if name in self.until:  # a source crops to the end
            return None
        return Window(op.padding, op.fill, partial(self.draw, name, size=size))

    def draw(self, name: str, step: int, n: int, *, size: int) -> Tensor:
        """(n, k) on the CPU: the parameters of op `name` for the whole batch of `step`."""
        op, plan, purpose = self.ops[name], self.plan, f"augment/{name}"
        if plan is None or not getattr(op, "alternates", False):
            return op.draw(generator(self.seed, purpose, step), n, size)
        if name not in self._first:  # of all pictures, whatever the order of the first epoch
            self._first[name] = op.draw(generator(self.seed, purpose, 0), plan.n, size)
        return self._first[name][plan.indices(step)] ^ bool(plan.epoch(step) % 2)

    def __call__(
        self, images: Tensor, targets: Tensor, step: int, cropped: bool, progress: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Augment the whole batch of `step`: images (N, C, S, S) uint8, targets (N, K).

        Labels (N,) will do for targets where no op `mixes`.

        With `cropped`, the source has already performed the `window`. `progress` is the share of
        training that is done, step / total, in [0, 1). Gives images as uint8, or as float in [0, 1]
        where an op needed floats.
        """
        for position, (name, op) in enumerate(self.ops.items()):
            if cropped and position == 0 and _gathers(op):
                continue
            if progress >= self.until.get(name, 1.0):
                continue
            if not op.pixels_only and images.dtype == torch.uint8:
                images = images / 255
            params = self.draw(name, step, len(images), size=images.shape[-1])
            if not getattr(op, "plans_on_cpu", False):
                params = params.to(images.device, non_blocking=True)
            images, targets = op.apply(images, targets, params)
        return images, targets


def _gathers(op: Any) -> bool:
    return bool(getattr(op, "gathers", False))


def _resizes(op: Any) -> bool:
    return callable(getattr(op, "side", None))
