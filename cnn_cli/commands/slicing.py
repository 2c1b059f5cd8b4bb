"""A table of one's own about the pictures: its columns become slices of the report."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnn_cli.errors import UserError, closest

Floats = NDArray[np.float64]
Columns = dict[str, Floats | list[str]]
FEW = 5
"""Different numbers up to which they are taken as words: sites 1, 2 and 3, not quantities."""


class Table(NamedTuple):
    """A CSV as it was read."""

    file: str
    header: list[str]
    rows: list[dict[str, str]]


def read(file: str) -> Table:
    """The table in a CSV whose first column names pictures as predictions.csv does.

    Raises UserError for a file that cannot be read or has no second column.
    """
    path = Path(file).expanduser()
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as opened:
            reader = csv.DictReader(opened)
            header, rows = list(reader.fieldnames or ()), list(reader)
    except (OSError, csv.Error) as error:
        raise UserError(f"slices={file}: cannot be read: {error}") from error
    if len(header) < 2 or not rows:
        raise UserError(
            f"slices={file}: needs a line of names, a column that names the pictures as"
            " predictions.csv does, and columns to slice by"
        )
    return Table(file, header, rows)


def columns(table: Table, names: Sequence[str]) -> tuple[Columns, str]:
    """The columns in the order of `names`, and a note where some pictures are not in the table.

    Numbers are given as such (what is empty as NaN), all else as words. Raises UserError where no
    picture is in the table.
    """
    file, header, rows = table
    by_name = {row[header[0]]: row for row in rows}
    there = sum(name in by_name for name in names)
    if not there:
        first = rows[0][header[0]]
        raise UserError(
            f"slices={file}: its first column, {header[0]}, names none of the {len(names)}"
            f" pictures; it has '{first}', and they are called as '{names[0]}'"
            f"{closest(first, list(names[:1000]))}"
        )
    found: Columns = {}
    for column in header[1:]:
        values = [(by_name.get(name, {}).get(column) or "").strip() for name in names]
        if any(values):
            found[column] = _numbers(values) if _are_numbers(values) else values
    missing = len(names) - there
    return found, f"slices: {missing} of {len(names)} pictures are not in {file}" if missing else ""


def _are_numbers(values: Sequence[str]) -> bool:
    given = {value for value in values if value}
    try:
        numbers = {float(value) for value in given}
    except ValueError:
        return False
    return len(numbers) > FEW and all(map(math.isfinite, numbers))


def _numbers(values: Sequence[str]) -> Floats:
    return np.array([float(value) if value else np.nan for value in values])
