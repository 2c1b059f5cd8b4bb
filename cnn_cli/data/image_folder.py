"""Pictures in one folder a class, in train/, val/ and test/ or still to be split."""

from pathlib import Path

import torch

from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.folder_tree import Files, Tree, read_tree
from cnn_cli.data.from_files import Unreadable, dataset_from_files
from cnn_cli.data.selection import Selection
from cnn_cli.data.split import cut, share, too_small
from cnn_cli.errors import UserError
from cnn_cli.limits import Fraction, NonNegativeInt, ProperFraction


def image_folder(
    preprocessing: Preprocessing,
    *,
    root: str,
    val_fraction: ProperFraction,
    test_fraction: Fraction,
    selection: Selection,
    resident_mb: NonNegativeInt,
    workers: int,
    unreadable: Unreadable = "error",  # which was the way before there was a choice
    cache: bool = False,
) -> Dataset:
    """The pictures under `root`, their classes named by their folders.

    `root` holds train/, val/ (valid/, validation/) and test/ with a folder for each class, or the
    class folders themselves. A missing test is cut from train (`test_fraction` of it; 1 = all of
    it), then a missing val (`val_fraction` of the rest). Up to `resident_mb` megabytes the scaled
    pictures stay in memory, beyond it `workers` processes read them each time. Raises UserError for
    a layout that does not fit, classes that differ, and files that cannot be read.
    """
    tree = read_tree(Path(root).expanduser())
    if selection.fold is not None and test_fraction < 1:
        test_fraction = 0  # the fold is the test; nothing is put aside beside it
    parts, notes = _split(root, tree, val_fraction, test_fraction)
    return dataset_from_files(
        "image_folder",
        tree.classes,
        parts,
        preprocessing,
        selection=selection,
        resident_mb=resident_mb,
        workers=workers,
        unreadable=unreadable,
        cache=cache,
        notes=[*tree.notes, *([] if selection.fold else notes)],
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
        inside = Path(root).expanduser() / tree.classes[0]
        deeper = inside.is_dir() and sum(path.is_dir() for path in inside.iterdir()) > 1
        hint = f"; {inside} holds folders itself: dataset.root={inside}?" if deeper else ""
        raise UserError(
            f"dataset.root: {root} has one class only ({tree.classes[0]}); "
            f"a classifier needs two or more class folders{hint}"
        )
    least = 1 + len(wanted)
    if few := too_small(tree.parts["train"].labels, tree.classes, least):
        settings = " ".join(f"dataset.{part}_fraction=0" for part in wanted)
        raise UserError(
            f"dataset.root: {root} has too few pictures of {', '.join(few)} for train, "
            f"{' and '.join(wanted)}; add some ({least} at least), give the parts as folders, "
            f"or go without by {settings}"
        )


_NONE = Files([], torch.empty(0, dtype=torch.int64), [])
