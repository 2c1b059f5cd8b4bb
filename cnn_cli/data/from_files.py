"""A data set of picture files: kept in memory where they are few, else read each time."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from cnn_cli.data import cache as kept_pictures
from cnn_cli.data.assemble import fingerprint
from cnn_cli.data.contract import Batch, Dataset, Preprocessing, Split
from cnn_cli.data.decoding import Decoded
from cnn_cli.data.folder_tree import Files
from cnn_cli.data.images import UnreadableImage
from cnn_cli.data.manifest import without_unreadable
from cnn_cli.data.places import locked
from cnn_cli.data.plan import Plan
from cnn_cli.data.progress import progress
from cnn_cli.data.resident import Resident
from cnn_cli.data.selection import Selection, select
from cnn_cli.errors import UserError

Unreadable = Literal["error", "skip"]
"""What is done with training pictures that cannot be read."""

SHOWN = 10
"""Unreadable files named in one message."""
SLOW = 2000
"""Pictures from which on reading them is worth a progress bar."""
BLOCK = 64


def dataset_from_files(
    name: str,
    classes: tuple[str, ...],
    parts: Mapping[str, Files],
    preprocessing: Preprocessing,
    *,
    selection: Selection,
    resident_mb: int,
    workers: int,
    unreadable: Unreadable,
    cache: bool,
    notes: Sequence[str],
) -> Dataset:
    """The data set of the files in the parts "train", "val" and "test".

    Up to `resident_mb` megabytes the scaled pictures stay in memory, beyond it `workers` processes
    read them each time. With `cache` they are decoded once, at the first start. `unreadable` "skip"
    leaves out training pictures that cannot be read, "error" names them, as is done with all others
    in any case. Raises UserError for a selection that cannot be made, for files that cannot be
    read, and a cache that cannot be written.
    """
    kept, classes, more = select(parts, classes, selection)
    if unreadable == "skip":
        train, left_out = without_unreadable(kept["train"], preprocessing, workers)
        kept, more = kept | {"train": train}, [*more, *left_out]
    decoded = {
        part: Decoded(files.paths, files.labels, files.names, preprocessing, workers)
        for part, files in kept.items()
    }
    count = sum(len(split) for split in decoded.values())
    small = count * preprocessing.channels * preprocessing.size**2 <= resident_mb * 10**6
    splits: Mapping[str, Split] = decoded
    if small or cache:
        splits, cached = _load(decoded, small=small, keep=cache and count > 0)
        more = [*more, *cached]
    return Dataset(
        name,
        classes,
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        fingerprint=_fingerprint(classes, kept),
        notes=(*notes, *more, *_group_notes(kept), *_absent_notes(kept, classes)),
    )


def _group_notes(parts: Mapping[str, Files]) -> list[str]:
    """How many groups each part has, and which ones are not trained on."""
    counts = {part: sorted(set(files.groups)) for part, files in parts.items() if files.groups}
    if not counts:
        return []
    told = [
        f"{len(names)} in {part}" + ("" if part == "train" else f" ({_some(names)})")
        for part, names in counts.items()
    ]
    return [f"groups: {', '.join(told)}"]


def _absent_notes(parts: Mapping[str, Files], classes: tuple[str, ...]) -> list[str]:
    """Classes that validation or test have no picture of: their figures say nothing of these."""
    found = []
    for part, files in parts.items():
        there = set(files.labels.tolist())
        absent = [name for label, name in enumerate(classes) if label not in there]
        if files.groups and there and absent and part != "train":
            found.append(f"warning: {part} has no pictures of {_some(absent)}: too few groups")
    return found


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _load(
    decoded: Mapping[str, Decoded], *, small: bool, keep: bool
) -> tuple[dict[str, Split], list[str]]:
    """The same splits with all pictures read, in one go: into memory if small, else into a file.

    And a note on the file.
    """
    splits = list(decoded.values())
    paths = [path for split in splits for path in split.paths]
    order = list(range(len(paths)))
    if keep:  # by name: the array is the same whatever split a picture is in
        order.sort(key=lambda number: str(paths[number]))
    names = [name for split in splits for name in split.names]
    whole = Decoded(
        [paths[number] for number in order],
        torch.cat([split.labels for split in splits])[order],
        [names[number] for number in order],
        splits[0].preprocessing,
        splits[0].workers,
    )
    images, notes = _kept(whole) if keep else (_read(whole, _empty(whole)), [])
    lengths = [len(split) for split in splits]
    rows = torch.split(torch.tensor(order, dtype=torch.int64).argsort(), lengths)
    made: dict[str, Split] = {}
    for (part, split), own, block in zip(
        decoded.items(), rows, torch.split(images, lengths), strict=True
    ):
        about = split.labels, split.names, split.paths
        if not small:
            made[part] = kept_pictures.Mapped(images, own, *about)
        else:  # without a cache they are in order already, and are not copied
            made[part] = Resident(kept_pictures.pictures(images, own) if keep else block, *about)
    return made, notes


def _kept(whole: Decoded) -> tuple[Tensor, list[str]]:
    """The pictures from the cache, decoded into it where they are not there yet; and a note."""
    place = kept_pictures.place_of(whole)
    found = kept_pictures.find(place, whole)
    if found is not None:
        return found, [f"{len(whole)} pictures from dataset.cache, decoded before: {place}"]
    names = place.name.partition("-")[0]
    with locked(place.parent, names, "dataset.cache=true"):  # others wait, and then find them
        found = kept_pictures.find(place, whole)
        if found is None:
            writer = kept_pictures.Writer(place, whole)
            try:
                _read(whole, writer.images)
            except BaseException:
                writer.drop()
                raise
            writer.finish()
            found = kept_pictures.find(place, whole)
    if found is None:
        raise UserError(f"dataset.cache=true: {place} cannot be read back; set it to false")
    told = (
        f"dataset.cache: {len(whole)} pictures decoded once, for the next starts as well: {place}"
    )
    return found, [f"{told} ({max(1, found.nbytes // 1000):,} kB; delete it as you like)"]


def _empty(whole: Decoded) -> Tensor:
    form = whole.preprocessing
    images = torch.empty(len(whole), form.size, form.size, form.channels, dtype=torch.uint8)
    return images.permute(0, 3, 1, 2)


def _read(whole: Decoded, images: Tensor) -> Tensor:
    """Fill (N, C, S, S); UserError with the first of all files that cannot be read."""
    count = len(whole)
    unreadable: list[UnreadableImage] = []
    slow = progress(f"reading {count} pictures", count) if count >= SLOW else nullcontext(_silent)
    with slow as advance:
        for step, answer in enumerate(whole.stream(Plan(count, BLOCK, shuffle=False))):
            if isinstance(answer, Batch):
                images[step * BLOCK : step * BLOCK + len(answer.labels)] = answer.images
            else:
                unreadable += answer
            advance(BLOCK)
    if unreadable:
        raise UserError(
            f"dataset.root: {len(unreadable)} of {count} pictures cannot be read; "
            "repair or remove them",
            *(str(error) for error in unreadable[:SHOWN]),
        )
    return images


def _silent(units: int) -> None:
    pass


def _fingerprint(classes: tuple[str, ...], parts: Mapping[str, Files]) -> str:
    """From the files' sizes: the same whether the pictures are kept in memory or not."""
    labels = [files.labels.numpy() for files in parts.values()]
    sizes = [np.array([_size(path) for path in files.paths]) for files in parts.values()]
    return fingerprint(classes, [*labels, *sizes])


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1
