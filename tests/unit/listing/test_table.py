"""The list as it is read, at any width; as CSV and JSON."""

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from cnn_cli.listing.entries import Entry
from cnn_cli.listing.table import HEAD, as_csv, as_json, print_runs

LONG = "2026-11-26_07-58-12_digits-cnn_abcdef"
FULL = Entry(
    Path("runs", LONG), LONG, "run", 1.7e9, "finished", "digits", "cnn", 100, 100, 1.0, 1.0,
    (0.9835, 1.0), "test", 360, 36_000.4, 11_173_962,
)  # fmt: skip
STOPPED = Entry(Path("s, x"), "s, [bold]x", "run", 1.6e9, "stopped", "emnist", "vgg", 3, None, 0.5)
SWEEP = Entry(Path("sw"), "sweeps/a", "sweep", 1.5e9, "stopped", None, None, 2, 3, 0.5, 0.4)
DAMAGED = Entry(Path("d"), "d", "run", 1.4e9, "damaged", problem="config.yaml cannot be read")
ON_VAL = Entry(Path("v"), "v", "run", 1.3e9, "finished", test=0.5, split="val", images=10)
ALL = [FULL, STOPPED, SWEEP, DAMAGED, ON_VAL]


def printed(width: int, found: list[Entry] = ALL) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_runs(console, found)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 130])
def test_two_lines_a_run_at_any_width(width: int) -> None:
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    lines = text.splitlines()
    assert lines[2].startswith(LONG)
    cells = ["finished", "100/100", "100.00", "100.00", "98.35-100.00", "10:00:00", "11.2", "M"]
    assert lines[3].split() == cells[: 6 if width == 60 else 8]
    assert ("digits, cnn, 20" in lines[2]) == (width > 60)
    assert lines[4].startswith("s, [bold]x")
    assert "emnist, vgg" in lines[4]
    assert lines[5].split() == ["stopped", "3", "50.00", "-"]
    assert lines[7].split()[:3] == ["stopped", "2/3", "jobs"]
    assert "config.yaml cannot be read" in text
    assert "the report is on the val split" in text
    assert "jobs=true lists each" in " ".join(text.split())


def test_what_is_told_of_groups_stands_there_for_groups_only() -> None:
    assert "jobs=true" not in printed(80, [FULL, STOPPED])


def test_csv_and_json_hold_the_same() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(ALL))))
    found = json.loads(as_json(ALL))
    assert tuple(rows[0]) == tuple(found[0]) == HEAD
    assert rows[1]["folder"] == found[1]["folder"] == "s, x"
    assert (float(rows[0]["low"]), found[0]["low"]) == (0.9835, 0.9835)
    assert (rows[1]["planned_epochs"], found[1]["planned_epochs"]) == ("", None)
    assert (rows[0]["parameters"], found[0]["train_seconds"]) == ("11173962", 36000.4)
    assert found[3]["problem"] == "config.yaml cannot be read"
    assert found[0]["saved"].startswith("2023-11-1")
