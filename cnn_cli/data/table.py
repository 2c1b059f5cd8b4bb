"""A table (CSV or TSV) of picture files and their classes, perhaps with parts and groups."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from cnn_cli.data.folder_tree import PARTS, SUFFIXES, Files
from cnn_cli.errors import UserError, closest

FEWEST_COLUMNS = 2
SHOWN = 10
"""Wrong lines named in one message."""
SOME = 3
"""Line numbers or names listed in one line of a message."""


class Columns(NamedTuple):
    """The names of the columns; split and group None where the table has none."""

    path: str
    label: str
    split: str | None
    group: str | None


class Table(NamedTuple):
    """The files of each part that the table tells apart ("train" where it does not)."""

    classes: tuple[str, ...]
    parts: dict[str, Files]
    notes: list[str]


def read_table(file: Path, root: Path | None, columns: Columns) -> Table:
    """What stands in `file`; paths in it start at `root`, or at the file's own folder.

    Lines end in any way, fields are quoted as spreadsheets do it, and the separator (comma,
    semicolon or tab) is that of the first line. Raises UserError that names what is wrong: no file,
    no such column, lines without path, class or group, a picture named twice, an unknown part.
    """
    rows = _rows(file, columns)
    if problem := _swapped(rows, columns) or _no_parts(rows, columns):
        raise UserError(problem)
    base = root or file.parent
    problems = _wrong_lines(file, rows, columns)
    problems += _absent(file, base, [row[columns.path] for row in rows if row[columns.path]])
    if problems:
        more = [f"and {len(problems) - SHOWN} more lines"] if len(problems) > SHOWN else []
        raise UserError(*problems[:SHOWN], *more)
    classes = tuple(sorted({row[columns.label] for row in rows}))
    numbers = {name: number for number, name in enumerate(classes)}
    parts: dict[str, Files] = {}
    parted = [(_part(row, columns), row) for row in rows]
    for part in ("train", "val", "test"):
        own = [row for which, row in parted if which == part]
        if not own:
            continue
        labels = torch.tensor([numbers[row[columns.label]] for row in own], dtype=torch.int64)
        names = [row[columns.path] for row in own]
        groups = [row[columns.group] for row in own] if columns.group else []
        parts[part] = Files([base / name for name in names], labels, names, groups)
    return Table(classes, parts, _unused_parts(rows, columns))


def _rows(file: Path, columns: Columns) -> list[dict[str, str]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"dataset.file: {file} is no UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise UserError(f"dataset.file: {file} cannot be read: {error.strerror}") from error
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    reader = csv.DictReader(text.splitlines(), delimiter=separator, restval="")
    there = [name.strip() for name in reader.fieldnames or ()]
    wanted = [name for name in columns if name is not None]
    if len(there) < FEWEST_COLUMNS:
        raise UserError(
            f"dataset.file: the first line of {file} must name the columns, with comma, semicolon"
            f" or tab between them; it is: {head.strip()[:80] or 'empty'}"
        )
    if missing := [name for name in wanted if name not in there]:
        keys = dict(zip(columns, Columns._fields, strict=True))
        raise UserError(
            *(
                f"dataset.{keys[name]}_column={name}: no such column in {file}"
                f"{closest(name, there)}; there are {', '.join(there) or 'none'}"
                for name in missing
            )
        )
    reader.fieldnames = there
    rows = [{name: (row.get(name) or "").strip() for name in there} for row in reader]
    if not rows:
        raise UserError(f"dataset.file: {file} has no lines below its head")
    return rows


def _swapped(rows: Sequence[dict[str, str]], columns: Columns) -> str:
    """A problem where the classes look like files and the files like classes."""
    labels = [row[columns.label] for row in rows]
    files = sum(Path(label).suffix.lower() in SUFFIXES for label in labels)
    if files <= len(rows) / 2 or Path(rows[0][columns.path]).suffix.lower() in SUFFIXES:
        return ""
    return (
        f"dataset.label_column={columns.label}: holds names of files ({labels[0]}), and"
        f" dataset.path_column={columns.path} none ({rows[0][columns.path]}): are the two the other"
        " way round?"
    )


def _no_parts(rows: Sequence[dict[str, str]], columns: Columns) -> str:
    """A problem where most of the split column is none of train, val and test."""
    strange = [row for row in rows if _part(row, columns) is None]
    if columns.split is None or len(strange) <= len(rows) / 2:
        return ""
    counts = Counter(row[columns.split] or "nothing" for row in strange).most_common()
    listed = ", ".join(f"{value} ({count:,} lines)" for value, count in counts[:SOME])
    more = f" and {len(counts) - SOME} more" if len(counts) > SOME else ""
    return (
        f"dataset.split_column={columns.split}: holds {listed}{more}; it must say train, val or"
        " test of each picture"
    )


def _listed(values: Sequence[str], between: str = ", ") -> str:
    """The first few of them, and how many more."""
    more = f" and {len(values) - SOME} more" if len(values) > SOME else ""
    return between.join(values[:SOME]) + more


def _unused_parts(rows: Sequence[dict[str, str]], columns: Columns) -> list[str]:
    """A note on a column that tells train, val and test apart and was not named."""
    known = {name for names in PARTS.values() for name in names}
    return [
        f"the column {name} holds {', '.join(sorted(values))} and is not used; where it means the"
        f" parts, give dataset.split_column={name}"
        for name in (rows[0] if columns.split is None else ())
        if len(values := {row[name].lower() for row in rows}) > 1 and values <= known
    ]


def _absent(file: Path, base: Path, names: Sequence[str]) -> list[str]:
    """Problems for files that are not there."""
    gone = [name for name in names if not (base / name).exists()]
    if not gone:
        return []
    if len(gone) == len(names):
        fix = "give dataset.root=FOLDER, where its paths start"
        where = f"{base.resolve()} ({gone[0]}, ...)"
        return [f"dataset.root: none of the {len(names)} files of {file} is in {where}; {fix}"]
    more = [f"and {len(gone) - SHOWN} more"] if len(gone) > SHOWN else []
    listed = ", ".join([*gone[:SHOWN], *more])
    return [f"dataset.file: {len(gone)} files that {file} names are not in {base}: {listed}"]


def _wrong_lines(file: Path, rows: Sequence[dict[str, str]], columns: Columns) -> list[str]:
    problems = []
    places: dict[str, list[int]] = {}
    for number, row in enumerate(rows, start=2):
        places.setdefault(row[columns.path], []).append(number)
    needed = [name for name in (columns.path, columns.label, columns.group) if name]
    for number, row in enumerate(rows, start=2):
        where, same = f"dataset.file: {file}, line {number}", places[row[columns.path]]
        if empty := [name for name in needed if not row[name]]:
            problems.append(f"{where}: nothing in {', '.join(empty)}")
        elif len(same) > 1 and number == same[0]:
            labels = dict.fromkeys(rows[line - 2][columns.label] or "nothing" for line in same)
            problems.append(
                f"dataset.file: {file}, lines {_listed(list(map(str, same)))}: {row[columns.path]}"
                f" is there {len(same)} times, as {_listed(list(labels), ' and ')}"
            )
        elif columns.split and _part(row, columns) is None:
            known = ", ".join(PARTS)
            problems.append(f"{where}: {columns.split} '{row[columns.split]}' is none of {known}")
    return problems


def _part(row: dict[str, str], columns: Columns) -> str | None:
    if columns.split is None:
        return "train"
    given = row[columns.split].lower()
    return next((part for part, names in PARTS.items() if given in names), None)
