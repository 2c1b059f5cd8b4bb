"""The contract between data sets and everything that uses them: pictures are uint8 (N, C, H, W)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from cnn_cli.data.plan import Plan

Resize = Literal["crop", "squash", "pad"]
Fill = Literal["reflect", "zero", "edge"]


@dataclass(frozen=True)
class Preprocessing:
    """How a picture of any kind becomes the model's input; travels with the checkpoint.

    `size` is the side of the square input in pixels. `resize` says how another shape gets there:
    `crop` scales the short side and cuts the centre, `squash` ignores the aspect, `pad` fits the
    long side and fills with black. `mean` and `std` are per channel for values in [0, 1]; None
    means that they are measured on a seeded sample of the training pictures.
    """

    channels: int
    size: int
    resize: Resize = "crop"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


class Batch(NamedTuple):
    """images (N, C, H, W) uint8 in any memory format; labels (N,) int64; the step they are for."""

    images: Tensor
    labels: Tensor
    step: int


@dataclass(frozen=True)
class Window:
    """A padded crop that a source may perform while it gathers the pictures of a batch.

    `offsets(step, n)` gives (n, 2) int64 rows (top, left) in [0, 2 * padding].
    """

    padding: int
    fill: Fill
    offsets: Callable[[int, int], Tensor]


class Split(Protocol):
    """One part (train, val, test) of a data set."""

    @property
    def labels(self) -> Tensor:
        """(N,) int64 on the CPU."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """What a person calls each picture: a file's path, or `test/00012`."""
        ...

    @property
    def paths(self) -> Sequence[Path] | None:
        """The file of each picture; None where they do not lie in files of their own."""
        ...

    @property
    def crops(self) -> bool:
        """Whether `batches` performs a `window` itself."""
        ...

    def __len__(self) -> int: ...

    def to(self, device: torch.device) -> Self:
        """The same pictures, kept on or pinned for `device`."""
        ...

    def batches(self, plan: Plan, start: int = 0, window: Window | None = None) -> Iterator[Batch]:
        """The batches of steps start .. plan.total - 1, in order."""
        ...

    def take(self, indices: Tensor) -> Batch:
        """The pictures at `indices` (any order, repeats allowed), uncropped; step 0."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Three splits of one set of classes. `val` is empty where val_fraction=0."""

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    fingerprint: str
    """sha256 (hex) of what identifies the data: class names, labels, and pixels or file sizes."""
    notes: tuple[str, ...] = ()
    """What the user should know: a copy with other bytes, a part of the data taken, ..."""
