"""The parity gate: the same pictures through a model and its file, logits and classes compared."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Logits = Callable[[Tensor], npt.NDArray[np.float32]]
"""Pictures (N, C, S, S) uint8 on the CPU to logits (N, K)."""

ROUNDING = 1e-5
"""Share of a stage's largest value by which float32 kernels may differ: the order of their sums."""


@dataclass(frozen=True)
class Parity:
    """How a file compares with the model it was made of."""

    images: int
    top1_equal: int
    """pictures of which both name the same class"""
    largest: float
    """difference of a logit; infinite where one is not a number"""
    tolerance: float
    worst: Tensor
    """the picture with that difference, or the first whose class differs: (1, C, S, S) uint8"""

    @property
    def passed(self) -> bool:
        return 0 < self.images == self.top1_equal and self.largest <= self.tolerance


@dataclass(frozen=True)
class Difference:
    """A stage and by how much its two outputs differ at most."""

    stage: str
    largest: float
    size: float
    """largest value of the stage in the model"""

    @property
    def is_rounding(self) -> bool:
        """Whether sums in another order explain it."""
        return self.largest <= ROUNDING * max(self.size, ROUNDING)

    def __str__(self) -> str:
        if self.is_rounding:
            return f"no stage differs by more than rounding, which adds up until {self.stage}"
        return (
            f"the first stage that differs is {self.stage}, by up to {self.largest:.2g} where its"
            f" values reach {self.size:.2g}"
        )


def compare(model: Logits, file: Logits, batches: Iterable[Tensor], tolerance: float) -> Parity:
    """Both on every picture, in batches (N, C, S, S) uint8."""
    images, equal, largest, highest, worst = 0, 0, 0.0, -1.0, torch.empty(0)
    for batch in batches:
        ours, theirs = model(batch), file(batch)
        apart = np.nan_to_num(np.abs(ours - theirs), nan=np.inf).max(axis=1)
        same = ours.argmax(axis=1) == theirs.argmax(axis=1)
        images, equal = images + len(batch), equal + int(same.sum())
        largest = max(largest, float(apart.max()))
        badness = np.where(same, apart, apart + tolerance)  # another class is never in tolerance
        at = int(badness.argmax())
        if badness[at] > highest:
            highest, worst = float(badness[at]), batch[at : at + 1].clone()
    return Parity(images, equal, largest, tolerance, worst)


def first_difference(model: Mapping[str, Tensor], file: Mapping[str, Tensor]) -> Difference:
    """The first stage, in the order of the model, that differs by more than rounding does.

    Where none does by itself, the last, at which small differences have added up.
    """
    found = [_difference(name, out, file[name]) for name, out in model.items() if name in file]
    return next((one for one in found if not one.is_rounding), found[-1])


def _difference(stage: str, ours: Tensor, theirs: Tensor) -> Difference:
    size = float(ours.abs().max())
    if ours.shape != theirs.shape:
        return Difference(stage, float("inf"), size)
    return Difference(stage, float((ours - theirs).abs().nan_to_num(nan=torch.inf).max()), size)
