"""The list of runs: two lines a run for people, CSV and JSON for programs."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from cnn_cli.engine.display import duration
from cnn_cli.listing.entries import Entry

UNKNOWN = "-"
KINDS = {"sweep": "sweep", "folds": "cross-validation"}
UNITS = {"run": "", "sweep": " jobs", "folds": " folds"}
STYLES = {"finished": "green", "running": "cyan", "stopped": "yellow", "damaged": "red"}
HEAD = (
    *("folder", "name", "kind", "saved", "state", "dataset", "model", "epochs", "planned_epochs"),
    *("validation_accuracy", "accuracy", "low", "high", "split", "images", "train_seconds"),
    *("parameters", "problem"),
)


def print_runs(console: Console, found: Sequence[Entry]) -> None:
    """For people: two lines a run, accuracies in per cent with their 95 % interval."""
    _print_rows(console, [TITLES, *map(_row, found)])
    if any(entry.kind == "sweep" for entry in found):
        text = "of a sweep: the job that validation would choose; jobs=true lists each"
        console.print(Text(text, "dim"))
    if any(entry.kind == "folds" for entry in found):
        console.print(Text("of folds: their mean; jobs=true lists each", "dim"))


def as_csv(found: Sequence[Entry]) -> str:
    """A line a run: shares in [0, 1], times in seconds, empty where nothing is known."""
    text = io.StringIO()
    rows = [["" if value is None else value for value in record(e).values()] for e in found]
    csv.writer(text, lineterminator="\n").writerows([HEAD, *rows])
    return text.getvalue().rstrip("\n")


def as_json(found: Sequence[Entry]) -> str:
    return json.dumps([record(entry) for entry in found], indent=2, ensure_ascii=False)


def record(entry: Entry) -> dict[str, Any]:
    """HEAD -> plain values."""
    low, high = entry.interval or (None, None)
    values = (
        *(str(entry.folder), entry.name, entry.kind),
        entry.when.astimezone().isoformat(timespec="seconds"),
        *(entry.state, entry.dataset, entry.model, entry.epochs, entry.planned),
        *(entry.validation, entry.test, low, high, entry.split, entry.images, entry.seconds),
        *(entry.parameters, entry.problem or None),
    )
    return dict(zip(HEAD, values, strict=True))


@dataclass(frozen=True)
class _Row:
    """A run in two lines: its name with what it is beside it, and its figures below."""

    name: str
    beside: tuple[str, ...]
    """the same in fewer and fewer words: the first that there is room for is taken"""
    state: str
    cells: tuple[str, ...]
    problem: str = ""


TITLES = _Row(
    "run",
    ("data set, model, saved", "saved"),
    "",
    ("state", "epochs", "val %", "test %", "95 %", "time", "weights"),
)
LEFT = (0, 4)
"""Cells that stand to the left of their column."""


def _row(entry: Entry) -> _Row:
    what = [part for part in (entry.dataset, entry.model) if part]
    what = what if entry.kind == "run" else [KINDS[entry.kind], *what]
    when = f"{entry.when:%Y-%m-%d %H:%M}"
    cells = (
        entry.state,
        _progress(entry),
        _share(entry.validation),
        _share(entry.test),
        _limits(entry),
        "" if entry.seconds is None else duration(entry.seconds),
        "" if entry.parameters is None else _thousands(entry.parameters),
    )
    beside = (", ".join([*what, when]), when, "")
    problem = entry.problem
    if entry.test is not None and entry.split not in (None, "test"):
        problem = "; ".join(filter(None, (f"the report is on the {entry.split} split", problem)))
    return _Row(entry.name, beside, entry.state, cells, problem)


def _print_rows(console: Console, rows: Sequence[_Row]) -> None:
    columns = list(zip(*(row.cells for row in rows), strict=True))
    widths = [max(map(len, column)) for column in columns]
    while sum(widths) + len(widths) + 1 > console.width:
        widths.pop()  # the last ones matter least, and the CSV has all of them
    gap = "  " if sum(widths) + 2 * len(widths) <= console.width else " "
    for row in rows:
        titles = row is TITLES
        room = console.width - len(row.name) - 2
        beside = next((text for text in row.beside if len(text) <= room), "")
        end = beside.rjust(room + 2) if beside else ""
        style = "dim" if titles else "bold"
        console.print(Text.assemble((row.name, style), (end, "dim")), soft_wrap=True)
        parts = [
            cell.ljust(width) if place in LEFT else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row.cells, widths, strict=False))
        ]
        line = Text(f"  {gap.join(parts)}".rstrip(), style="dim" if titles else "")
        if not titles:
            line.stylize(STYLES.get(row.state, ""), 2, 2 + len(row.state))
        console.print(line, soft_wrap=True)
        if row.problem:
            console.print(Text(f"  {row.problem}", "yellow"))


def _progress(entry: Entry) -> str:
    """`6/20` epochs, `5/6 jobs`; epochs alone under a time budget."""
    if entry.epochs is None:
        return ""
    of = "" if entry.planned is None else f"/{entry.planned}"
    return f"{entry.epochs}{of}{UNITS[entry.kind]}"


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{100 * value:.2f}"


def _limits(entry: Entry) -> str:
    if entry.interval is None:
        return ""
    low, high = entry.interval
    return f"{100 * low:.2f}-{100 * high:.2f}"


def _thousands(count: int) -> str:
    """`288 k`, `11.2 M`."""
    if count < 1_000:
        return str(count)
    return f"{count / 1e3:.0f} k" if count < 999_500 else f"{count / 1e6:.1f} M"
