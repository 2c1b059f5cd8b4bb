"""A table of one's own about the pictures: its columns become slices of the report."""

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnn_cli.errors import UserError
from cnn_cli.report.traits import NAMES

Floats = NDArray[np.float64]
Columns = dict[str, Floats | list[str]]
FEW = 20
"""Different whole numbers up to which they are taken as words: sites 1, 2 and 3, no quantities."""
MEASURED = (*NAMES, "size")
"""Traits that no column may be called."""


class Table(NamedTuple):
    """A CSV as it was read."""

    file: str
    header: list[str]
    rows: list[dict[str, str]]


def read(file: str) -> Table:
    """The table in a CSV whose first column names pictures as predictions.csv does.

    Raises UserError for a file that cannot be read, is not UTF-8, has no second column, headings
    that are empty, doubled or those of what is measured anyway, lines of another length, or a
    picture twice.
    """
    path = Path(file).expanduser()
    try:
        # A picture's name may hold bytes that are not UTF-8, and predictions.csv has them so.
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except OSError as error:
        raise UserError(f"slices={file}: cannot be read: {error.strerror}") from error
    except csv.Error as error:
        raise UserError(f"slices={file}: is no CSV: {error}") from error
    lines = [line for line in lines if line]
    header, rows = lines[0] if lines else [], lines[1:]
    words = [cell for line in (header, *(row[1:] for row in rows)) for cell in line]
    if "\0" in text or any("\udc80" <= letter <= "\udcff" for cell in words for letter in cell):
        raise UserError(f"slices={file}: is not UTF-8; save it as CSV UTF-8")
    if len(header) < 2 or not rows:
        raise UserError(
            f"slices={file}: needs a line of names, a column that names the pictures as"
            " predictions.csv does, and columns to slice by"
        )
    problems = _wrong(header, rows)
    if problems:
        raise UserError(*(f"slices={file}: {problem}" for problem in problems))
    return Table(file, header, [dict(zip(header, row, strict=True)) for row in rows])


def _wrong(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    problems = []
    if not all(name.strip() for name in header):
        problems.append("a column has no name")
    twice = [name for name, times in Counter(header).items() if times > 1]
    taken = [name for name in header[1:] if name in MEASURED]
    problems += [f"there are two columns {name}" for name in twice]
    problems += [f"the column {name} is measured anyway; give it another name" for name in taken]
    odd = [place for place, row in enumerate(rows, 2) if len(row) != len(header)]
    if odd:
        cells = "1 cell" if len(rows[odd[0] - 2]) == 1 else f"{len(rows[odd[0] - 2])} cells"
        told = f"{cells} in the line of {rows[odd[0] - 2][0]}, and {len(header)} in the first line"
        problems.append(told + (f"; lines like that: {len(odd)}" if len(odd) > 1 else ""))
    again = [name for name, times in Counter(row[0] for row in rows).items() if times > 1]
    if again:
        problems.append(f"more than one line of {again[0]}; pictures like that: {len(again)}")
    return problems


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
            f" pictures of this split; it has '{first}', and they are called as '{names[0]}'"
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
    whole = all(number == round(number) for number in numbers if math.isfinite(number))
    return (len(numbers) > FEW or not whole) and all(map(math.isfinite, numbers))


def _numbers(values: Sequence[str]) -> Floats:
    return np.array([float(value) if value else np.nan for value in values])
