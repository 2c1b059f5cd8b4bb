"""From raw pictures to a `Dataset`: some selected, the model's form given, a fingerprint made."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.images import conform
from cnn_cli.data.resident import Resident
from cnn_cli.data.selection import ALL, Selection, select
from cnn_cli.data.split import cut

Array = npt.NDArray[Any]


class Pictures(NamedTuple):
    """images uint8 (N, C, H, W) of any size; labels (N,) int64; a name for each."""

    images: Tensor
    labels: Tensor
    names: Sequence[str]
    groups: Sequence[str] = ()

    def part(self, indices: Tensor) -> "Pictures":
        """The pictures at `indices`."""
        places = indices.tolist()
        names = [self.names[index] for index in places]
        groups = [self.groups[index] for index in places] if self.groups else ()
        return Pictures(self.images[indices], self.labels[indices], names, groups)

    def joined(self, other: "Pictures") -> "Pictures":
        """These pictures and, after them, the others."""
        images = torch.cat([self.images, other.images])
        labels = torch.cat([self.labels, other.labels])
        names, groups = [*self.names, *other.names], [*self.groups, *other.groups]
        return Pictures(images, labels, names, groups)

    def relabelled(self, labels: Tensor) -> "Pictures":
        """The same pictures with other labels (N,) int64."""
        return self._replace(labels=labels)

    def cut(self, size: int, purpose: str, *, keep: int = 1) -> tuple["Pictures", "Pictures"]:
        """(rest, part of about `size` pictures), stratified as `split.cut` has it."""
        rest, part = cut(self.labels, size, purpose, keep=keep)
        return self.part(rest), self.part(part)


def resident_dataset(
    name: str,
    classes: tuple[str, ...],
    parts: Mapping[str, Pictures],
    preprocessing: Preprocessing,
    selection: Selection = ALL,
    notes: Iterable[str] = (),
) -> Dataset:
    """A data set in memory from the raw pictures of its parts "train", "val" and "test".

    Raises UserError for a selection that cannot be made and a wrong number of channels.
    """
    kept, classes, more = select(parts, classes, selection)
    splits = {
        which: Resident(conform(raw.images, preprocessing), raw.labels, raw.names)
        for which, raw in kept.items()
    }
    return Dataset(
        name,
        classes,
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        fingerprint=fingerprint(classes, _content(kept.values())),
        notes=(*notes, *more),
    )


def fingerprint(classes: Sequence[str], content: Iterable[Array]) -> str:
    """sha256 (hex) of the class names and the bytes, types and shapes of `content`."""
    digest = hashlib.sha256("\0".join(classes).encode())
    for array in content:
        digest.update(f"\0{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _content(parts: Iterable[Pictures]) -> Iterator[Array]:
    for raw in parts:
        yield raw.labels.numpy()
        yield raw.images.numpy()
