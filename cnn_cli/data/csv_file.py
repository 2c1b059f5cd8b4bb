"""Pictures named in a table, with their classes: for labels that are not folders."""

from pathlib import Path

import torch

from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.folder_tree import Files
from cnn_cli.data.from_files import Unreadable, dataset_from_files
from cnn_cli.data.selection import FEWEST_CLASSES, Selection
from cnn_cli.data.split import cut, cut_groups, require_every_class, share, too_small
from cnn_cli.data.table import Columns, Table, read_table
from cnn_cli.errors import UserError, closest
from cnn_cli.limits import Fraction, NonNegativeInt, ProperFraction


def csv_file(
    preprocessing: Preprocessing,
    *,
    file: str,
    root: str | None,
    path_column: str,
    label_column: str,
    split_column: str | None,
    group_column: str | None,
    val_fraction: ProperFraction,
    test_fraction: Fraction,
    selection: Selection,
    resident_mb: NonNegativeInt,
    workers: int,
    unreadable: Unreadable = "error",  # which was the way before there was a choice
    cache: bool = False,
) -> Dataset:
    """The pictures that the table `file` (CSV or TSV) names.

    Paths start at `root`, or at the table's folder. `split_column` tells train, val and test apart;
    a missing test is cut from train (`test_fraction` of it; 1 = all of it), then a missing val
    (`val_fraction` of the rest), each class in its proportion. Pictures of one group
    (`group_column`: a patient, a camera, a film) then stay in one part, whose size is as near as
    groups allow. Memory and workers as in `image_folder`. Raises UserError for a table, a class or
    files that cannot be used.
    """
    where = Path(file).expanduser()
    columns = Columns(path_column, label_column, split_column, group_column)
    table = read_table(where, None if root is None else Path(root).expanduser(), columns)
    if len(table.classes) < FEWEST_CLASSES and test_fraction < 1:
        raise UserError(
            f"dataset.file: {where} has one class only ({table.classes[0]}); "
            "a classifier needs two or more"
        )
    if selection.fold is not None and test_fraction < 1:
        test_fraction = 0  # the fold is the test; nothing is put aside beside it
    parts, more = _parts(where, table, {"test": test_fraction, "val": val_fraction})
    return dataset_from_files(
        "csv",
        table.classes,
        parts,
        preprocessing,
        selection=selection,
        resident_mb=resident_mb,
        workers=workers,
        unreadable=unreadable,
        cache=cache,
        notes=[*table.notes, *_shared_groups(table), *([] if selection.fold else more)],
    )


def _parts(
    where: Path, table: Table, fractions: dict[str, float]
) -> tuple[dict[str, Files], list[str]]:
    """All three parts, the missing ones cut from train, with notes on those that were cut."""
    nothing = Files([], torch.empty(0, dtype=torch.int64), [])
    parts = {"train": nothing, "val": nothing, "test": nothing} | table.parts
    if "test" not in table.parts and fractions["test"] == 1:
        return parts | {"train": nothing, "test": parts["train"]}, []
    notes = []
    wanted = [part for part, f in fractions.items() if f > 0 and part not in table.parts]
    for position, part in enumerate(wanted if "train" in table.parts else []):
        train = parts["train"]
        size = share(len(train.labels), fractions[part])
        keep = len(wanted) - position
        if few := too_small(train.labels, table.classes, keep + 1):
            raise UserError(
                f"dataset.file: {where} has too few pictures of {', '.join(few)}{_misspelt(table)}"
            )
        rest, own = (
            cut_groups(train.labels, train.groups, size, f"csv/{part}", part)
            if train.groups
            else cut(train.labels, size, f"csv/{part}", keep=keep)
        )
        key = f"dataset.{part}_fraction={fractions[part]:g}"
        require_every_class(train.labels[rest], table.classes, key, 1)
        parts |= {"train": train.part(rest), part: train.part(own)}
        notes.append(f"{part}: {len(own)} pictures cut from train")
    return parts, notes


def _misspelt(table: Table) -> str:
    """A hint where a class of one picture is nearly called like another one."""
    counts = torch.bincount(table.parts["train"].labels, minlength=len(table.classes)).tolist()
    for name, count in zip(table.classes, counts, strict=True):
        others = [other for other in table.classes if other != name]
        if count == 1 and (near := closest(name, others)):
            place = table.parts["train"].labels.tolist().index(table.classes.index(name))
            return f"; {table.parts['train'].names[place]} is called {name}{near}"
    return ""


def _shared_groups(table: Table) -> list[str]:
    """A note where groups stand in two parts of the table: its test is then no test of new ones."""
    own = {part: set(files.groups) for part, files in table.parts.items()}
    found = []
    for part in ("val", "test"):
        shared = own.get("train", set()) & own.get(part, set())
        if shared:
            some = ", ".join(sorted(shared)[:3])
            found.append(f"{len(shared)} groups of {part} are in train as well ({some})")
    return found
