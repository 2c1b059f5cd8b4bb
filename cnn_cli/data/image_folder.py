"""Pictures in one folder a class, in train/, val/ and test/ or still to be split."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cnn_cli.data.assemble import fingerprint, limit_notes
from cnn_cli.data.contract import Batch, Dataset, Preprocessing, Split
from cnn_cli.data.decoding import Decoded
from cnn_cli.data.folder_tree import Files, Tree, read_tree
from cnn_cli.data.images import UnreadableImage
from cnn_cli.data.plan import Plan
from cnn_cli.data.progress import progress
from cnn_cli.data.resident import Resident
from cnn_cli.data.split import Limit, cut, limited, share, too_small
from cnn_cli.errors import UserError
from cnn_cli.limits import Fraction, NonNegativeInt, ProperFraction

SHOWN = 10
"""Unreadable files named in one message."""
SLOW = 2000
"""Pictures from which on reading them is worth a progress bar."""
BLOCK = 64


def image_folder(
    preprocessing: Preprocessing,
    *,
    root: str,
    val_fraction: ProperFraction,
    test_fraction: Fraction,
    limit: Limit,
    resident_mb: NonNegativeInt,
    workers: int,
) -> Dataset:
    """The pictures under `root`, their classes named by their folders.

    `root` holds train/, val/ (valid/, validation/) and test/ with a folder for each class, or the
    class folders themselves. A missing test is cut from train (`test_fraction` of it; 1 = all of
    it), then a missing val (`val_fraction` of the rest). Up to `resident_mb` megabytes the scaled
    pictures stay in memory, beyond it `workers` processes read them each time. Raises UserError for
    a layout that does not fit, classes that differ, and files that cannot be read.
    """
    tree = read_tree(Path(root).expanduser())
    parts, notes = _split(root, tree, val_fraction, test_fraction)
    kept = {part: files.part(limited(files.labels, limit, part)) for part, files in parts.items()}
    decoded = {
        part: Decoded(files.paths, files.labels, files.names, preprocessing, workers)
        for part, files in kept.items()
    }
    count = sum(len(split) for split in decoded.values())
    small = count * preprocessing.channels * preprocessing.size**2 <= resident_mb * 10**6
    splits: Mapping[str, Split] = _load(decoded) if small else decoded
    return Dataset(
        "image_folder",
        tree.classes,
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        fingerprint=_fingerprint(tree.classes, kept),
        notes=(*tree.notes, *notes, *limit_notes(limit, parts, kept)),
    )


def _split(
    root: str, tree: Tree, val_fraction: float, test_fraction: float
) -> tuple[dict[str, Files], list[str]]:
    """All three parts, the missing ones cut from train, with notes on those that were cut."""
    parts = {"train": _NONE, "val": _NONE, "test": _NONE} | tree.parts
    if "train" not in tree.parts:
        return parts, ["there is no train folder: these pictures are for evaluation only"]
    if "test" not in tree.parts and test_fraction == 1:
        whole = parts["train"]
        return parts | {"train": _NONE, "test": whole}, [f"test: all {len(whole.labels)} pictures"]
    fractions = {"test": test_fraction, "val": val_fraction}
    wanted = [part for part, share in fractions.items() if share > 0 and part not in tree.parts]
    _check_classes(root, tree, wanted)
    notes = []
    for position, part in enumerate(wanted):
        train, size = parts["train"], share(len(parts["train"].labels), fractions[part])
        rest, own = cut(train.labels, size, f"folder/{part}", keep=len(wanted) - position)
        parts |= {"train": train.part(rest), part: train.part(own)}
        notes.append(f"{part}: {len(own)} pictures cut from train")
    return parts, notes


def _check_classes(root: str, tree: Tree, wanted: list[str]) -> None:
    """Refuse to train on one class, or to cut a class into more parts than it has pictures."""
    if len(tree.classes) < 2:
        raise UserError(
            f"dataset.root: {root} has one class only ({tree.classes[0]}); "
            "a classifier needs two or more class folders"
        )
    least = 1 + len(wanted)
    if few := too_small(tree.parts["train"].labels, tree.classes, least):
        settings = " ".join(f"dataset.{part}_fraction=0" for part in wanted)
        raise UserError(
            f"dataset.root: {root} has too few pictures of {', '.join(few)} for train, "
            f"{' and '.join(wanted)}; add some ({least} at least), give the parts as folders, "
            f"or go without by {settings}"
        )


def _load(decoded: Mapping[str, Decoded]) -> dict[str, Resident]:
    """The same splits with all pictures read, in one go, into memory."""
    splits = list(decoded.values())
    whole = Decoded(
        [path for split in splits for path in split.paths],
        torch.cat([split.labels for split in splits]),
        [name for split in splits for name in split.names],
        splits[0].preprocessing,
        splits[0].workers,
    )
    blocks = torch.split(_read(whole), [len(split) for split in splits])
    return {
        part: Resident(images, split.labels, split.names)
        for (part, split), images in zip(decoded.items(), blocks, strict=True)
    }


def _read(whole: Decoded) -> Tensor:
    """(N, C, S, S); UserError with the first of all files that cannot be read."""
    count, form = len(whole), whole.preprocessing
    images = torch.empty(count, form.size, form.size, form.channels, dtype=torch.uint8)
    images = images.permute(0, 3, 1, 2)
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


_NONE = Files([], torch.empty(0, dtype=torch.int64), [])
