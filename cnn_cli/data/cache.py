"""dataset.cache=true: decoded pictures kept on the disk, as one uint8 array, for the next start.

The array is found again by the names, sizes and times of the files and by what was made of them,
and mapped into memory: the system reads what is needed and drops what is not.
"""

import hashlib
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from cnn_cli.data.decoding import Decoded
from cnn_cli.data.resident import Resident
from cnn_cli.errors import UserError
from cnn_cli.files import check_space, clear_leftovers, move_into_place, temporary

VERSION = 1
"""Raised when pictures are decoded or scaled in another way."""
FOLDER = ".cache/cnn-train/pictures"
"""Below the home folder."""


class Mapped(Resident):
    """As Resident, of pictures that lie in a mapped file: they are not copied as a whole."""

    crops = False

    def to(self, device: torch.device) -> Self:
        """The same pictures, with batches that arrive on `device`."""
        moved = type(self)(self._images.permute(0, 3, 1, 2), self.labels, self.names, self.paths)
        moved.device = device
        moved._labels = self.labels.to(device)
        return moved


def place_of(whole: Decoded) -> Path:
    """Where the array of these pictures is, or would be."""
    form = whole.preprocessing
    digest = hashlib.sha256(f"{VERSION} {form.channels} {form.size} {form.resize}".encode())
    for path in whole.paths:
        try:
            stat = path.stat()
        except OSError:  # told where it is read
            continue
        line = f"\n{path.absolute()} {stat.st_size} {stat.st_mtime_ns}"
        digest.update(line.encode(errors="surrogateescape"))
    return Path.home() / FOLDER / f"{digest.hexdigest()[:32]}.npy"


def find(whole: Decoded) -> Tensor | None:
    """The pictures as (N, C, S, S) uint8, mapped; None where there is no whole array of them."""
    form = whole.preprocessing
    try:
        array = np.load(place_of(whole), mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if array.dtype != np.uint8 or array.shape != (len(whole), form.size, form.size, form.channels):
        return None
    return torch.from_numpy(array).permute(0, 3, 1, 2)


class Writer:
    """A new array, filled by whoever decodes; `finish` puts it in its place, whole.

    Raises UserError where it cannot be written.
    """

    def __init__(self, whole: Decoded) -> None:
        form = whole.preprocessing
        self._place = place_of(whole)
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
        """Put the filled array in its place."""
        try:
            self._array.flush()
            move_into_place(self._own, self._place)
        except OSError as error:
            raise self._failed(error) from error

    def drop(self) -> None:
        """Leave nothing of it."""
        self._own.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> UserError:
        self.drop()
        return UserError(f"dataset.cache=true: cannot write {self._place}: {error.strerror}")
