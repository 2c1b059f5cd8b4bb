"""From raw pictures to a `Dataset`: the limit taken, the model's form given, a fingerprint made."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.images import conform
from cnn_cli.data.resident import Resident
from cnn_cli.data.split import Limit, cut, limited

Array = npt.NDArray[Any]


class Labelled(Protocol):
    """Anything that has labels (N,) int64."""

    @property
    def labels(self) -> Tensor: ...


class Pictures(NamedTuple):
    """images uint8 (N, C, H, W) of any size; labels (N,) int64; a name for each."""

    images: Tensor
    labels: Tensor
    names: Sequence[str]

    def part(self, indices: Tensor) -> "Pictures":
        """The pictures at `indices`."""
        names = [self.names[index] for index in indices.tolist()]
        return Pictures(self.images[indices], self.labels[indices], names)

    def cut(self, size: int, purpose: str, *, keep: int = 1) -> tuple["Pictures", "Pictures"]:
        """(rest, part of about `size` pictures), stratified as `split.cut` has it."""
        rest, part = cut(self.labels, size, purpose, keep=keep)
        return self.part(rest), self.part(part)


def resident_dataset(
    name: str,
    classes: tuple[str, ...],
    parts: Mapping[str, Pictures],
    preprocessing: Preprocessing,
    limit: Limit,
    notes: Iterable[str] = (),
) -> Dataset:
    """A data set in memory from the raw pictures of its parts "train", "val" and "test".

    Raises UserError for a wrong limit or number of channels.
    """
    kept = {which: _limited(raw, limit, which) for which, raw in parts.items()}
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
        notes=(*notes, *limit_notes(limit, parts, kept)),
    )


def fingerprint(classes: Sequence[str], content: Iterable[Array]) -> str:
    """sha256 (hex) of the class names and the bytes, types and shapes of `content`."""
    digest = hashlib.sha256("\0".join(classes).encode())
    for array in content:
        digest.update(f"\0{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def limit_notes(
    limit: Limit, before: Mapping[str, Labelled], after: Mapping[str, Labelled]
) -> list[str]:
    """What `dataset.limit` left of each part, in words; empty where it changed nothing."""
    changed = [
        f"{len(after[which].labels)} of {len(raw.labels)} {which}"
        for which, raw in before.items()
        if len(after[which].labels) < len(raw.labels)
    ]
    return [f"dataset.limit={limit} takes {', '.join(changed)} pictures"] if changed else []


def _limited(raw: Pictures, limit: Limit, which: str) -> Pictures:
    return raw if limit is None else raw.part(limited(raw.labels, limit, which))


def _content(parts: Iterable[Pictures]) -> Iterator[Array]:
    for raw in parts:
        yield raw.labels.numpy()
        yield raw.images.numpy()
