"""dataset.cache=true: decoded pictures kept on the disk, as one uint8 array, for the next start.

The array is found again by the names, sizes and times of the files and by what was made of them,
and mapped into memory: the system reads what is needed and drops what is not. It holds the pictures
by their names, whatever split they are in: folds and other shares of validation find the same one.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from cnn_cli.data.contract import Batch, Window
from cnn_cli.data.decoding import Decoded
from cnn_cli.data.plan import Plan
from cnn_cli.errors import UserError
from cnn_cli.files import check_space, clear_leftovers, move_into_place, temporary

VERSION = 1
"""Raised when pictures are decoded or scaled in another way."""
FOLDER = ".cache/cnn-train/pictures"
"""Below the home folder."""


class Mapped:
    """A split of pictures that lie in a mapped file: they are read as they are asked for."""

    crops = False

    def __init__(
        self,
        images: Tensor,
        rows: Tensor,
        labels: Tensor,
        names: Sequence[str],
        paths: Sequence[Path],
    ) -> None:
        """images (M, C, S, S) uint8, of all splits; rows (N,) int64, where this one's are.

        labels (N,) int64; a name and a file for each of the N pictures.
        """
        self.labels, self.names, self.paths = labels, names, paths
        self.device = torch.device("cpu")
        self._images, self._rows = images, rows

    def __len__(self) -> int:
        return len(self._rows)

    def to(self, device: torch.device) -> Self:
        """The same pictures, with batches that arrive on `device`."""
        moved = type(self)(self._images, self._rows, self.labels, self.names, self.paths)
        moved.device = device
        return moved

    def batches(self, plan: Plan, start: int = 0, window: Window | None = None) -> Iterator[Batch]:
        """The batches of steps start .. plan.total - 1, uncropped.

        Raises ValueError for a plan of another number of pictures, and for a window.
        """
        if plan.n != len(self) or window is not None:
            raise ValueError(
                f"a plan for {plan.n} pictures, window {window}: there are {len(self)}"
            )
        return (self._batch(plan.indices(step), step) for step in range(start, plan.total))

    def take(self, indices: Tensor) -> Batch:
        """The pictures at `indices` (any order, repeats allowed); step 0."""
        return self._batch(indices, 0)

    def _batch(self, indices: Tensor, step: int) -> Batch:
        images, labels = pictures(self._images, self._rows[indices]), self.labels[indices]
        return Batch(
            images.to(self.device, non_blocking=True),
            labels.to(self.device, non_blocking=True),
            step,
        )


def pictures(images: Tensor, rows: Tensor) -> Tensor:
    """A copy of the pictures `rows` of images (M, C, S, S), which lie channels last."""
    return images.permute(0, 2, 3, 1).index_select(0, rows).permute(0, 3, 1, 2)


def place_of(whole: Decoded) -> Path:
    """Where the array of these pictures is, or would be: NAMES-STATES.npy."""
    form, here = whole.preprocessing, f"{Path.cwd()}{os.sep}"
    names = hashlib.sha256(f"{VERSION} {form.channels} {form.size} {form.resize}".encode())
    states = hashlib.sha256()
    for path in whole.paths:
        try:
            stat = path.stat()
        except OSError:  # told where it is read
            continue
        full = str(path) if path.is_absolute() else f"{here}{path}"
        names.update(f"\n{full}".encode(errors="surrogateescape"))
        states.update(f"\n{stat.st_size} {stat.st_mtime_ns}".encode())
    name = f"{names.hexdigest()[:20]}-{states.hexdigest()[:20]}.npy"
    return Path.home() / FOLDER / name


def find(place: Path, whole: Decoded) -> Tensor | None:
    """The pictures as (N, C, S, S) uint8, mapped; None where there is no whole array of them."""
    form = whole.preprocessing
    try:
        array = np.load(place, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if array.dtype != np.uint8 or array.shape != (len(whole), form.size, form.size, form.channels):
        return None
    return torch.from_numpy(array).permute(0, 3, 1, 2)


class Writer:
    """A new array, filled by whoever decodes; `finish` puts it in its place, whole.

    Raises UserError where it cannot be written.
    """

    def __init__(self, place: Path, whole: Decoded) -> None:
        form = whole.preprocessing
        self._place = place
        self._own = temporary(self._place)
        shape = (len(whole), form.size, form.size, form.channels)
        try:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            clear_leftovers(self._place.parent)
            check_space(self._place.parent, int(np.prod(shape)))
            array = np.lib.format.open_memmap(self._own, mode="w+", dtype=np.uint8, shape=shape)
        except OSError as error:
            raise self._failed(error) from error
        self.images: Tensor = torch.from_numpy(array).permute(0, 3, 1, 2)
        """(N, C, S, S) uint8, to be filled"""
        self._array = array

    def finish(self) -> None:
        """Put the filled array in its place, and those away that the same files had before."""
        names = self._place.name.partition("-")[0]
        try:
            self._array.flush()
            move_into_place(self._own, self._place)
        except OSError as error:
            raise self._failed(error) from error
        for old in self._place.parent.glob(f"{names}-*.npy"):
            if old != self._place:
                with suppress(OSError):  # another one's, or in use on Windows: it only takes space
                    old.unlink()

    def drop(self) -> None:
        """Leave nothing of it."""
        self._own.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> UserError:
        self.drop()
        return UserError(f"dataset.cache=true: cannot write {self._place}: {error.strerror}")
