"""`predict` of many pictures: the memory that it takes, and what is left where it is stopped."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Command = Callable[..., Any]

MEASURED = """
import resource, sys
from cnn_cli.cli import main
code = main()
kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
print(code, *(resource.getrusage(kind).ru_maxrss for kind in kinds), file=sys.stderr)
"""


@pytest.fixture
def many() -> Path:
    """A folder of 3,000 pictures, which are names of one file."""
    folder = Path("many")
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("one.png")
    for number in range(3000):
        os.link("one.png", folder / f"{number:04}.png")
    return folder


def peaks(run: Path, many: Path, count: int, workers: int) -> tuple[int, int]:
    """Largest resident set in KiB of the process and of its workers, for `count` pictures."""
    listed = "\n".join(str(many / f"{number:04}.png") for number in range(count))
    settings = (f"checkpoint={run}", "images=-", f"output=out-{count}", "batch_size=16")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "predict", *settings, f"device.workers={workers}"],
        input=listed, text=True, capture_output=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    code, own, children = map(int, done.stderr.split())
    assert code == 0
    with Path(f"out-{count}/predictions.csv").open() as file:
        assert sum(1 for _ in csv.DictReader(file)) == count
    return own, children


@pytest.fixture(scope="session")
def coloured_run(server: Any, tiny: tuple[str, ...], tmp_path_factory: Any) -> Path:
    """A run on pictures of 64x64 in colour: decoded, 2,700 of them take 33 MB."""
    folder = Path(tmp_path_factory.mktemp("coloured") / "run")
    form = ("dataset.size=64", "dataset.channels=3", "dataset.count=100", "trainer.epochs=1")
    assert server.run("train", *tiny, *form, f"run.dir={folder}").succeeded()
    return folder


@pytest.mark.parametrize("workers", [0, 1])
def test_memory_does_not_grow_with_the_number_of_pictures(
    coloured_run: Path, many: Path, workers: int
) -> None:
    few, all_of_them = (peaks(coloured_run, many, count, workers) for count in (300, 3000))
    assert all_of_them[0] - few[0] < 8_000, (few, all_of_them)
    assert all_of_them[1] - few[1] < 8_000, (few, all_of_them)


def test_what_was_done_before_a_stop_stays(
    own_run: Path, many: Path, server: Any, tmp_path: Path
) -> None:
    """SIGTERM comes once the first rows are there."""
    settings = ("batch_size=8", "format=both", "output=cut", "device.workers=1")
    number, err = server.start("predict", f"images={many}", *settings, out=tmp_path / "out")
    table = Path("cut/predictions.csv")
    while not (table.is_file() and table.read_bytes().count(b"\n") > 8):
        time.sleep(0.01)
    os.kill(number, signal.SIGTERM)
    assert server.answer() == 143
    said = (tmp_path / "out").read_text()
    rows = list(csv.DictReader(table.read_text().splitlines()))
    objects = [json.loads(line) for line in Path("cut/predictions.jsonl").read_text().splitlines()]
    assert 8 <= len(rows) < 3000
    assert all(None not in row.values() and row["p_top1"] for row in rows)
    assert [one["file"] for one in objects][: len(rows)] == [row["file"] for row in rows][
        : len(objects)
    ]
    assert "stopped after" in said
    assert "SIGTERM" in err.read_text()


def test_an_answer_for_each_path_on_standard_input(own_run: Path, many: Path) -> None:
    listed = f"{many}/0000.png\n{many}\nmissing.png\n{many}/0001.png\n"
    done = subprocess.run(
        [sys.executable, "-m", "cnn_cli", "predict", "images=-", "output=out", "threshold=1"],
        input=listed, text=True, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    rows = list(csv.DictReader(Path("out/predictions.csv").read_text().splitlines()))
    assert [row["file"] for row in rows] == listed.splitlines()
    assert [bool(row["error"]) for row in rows] == [False, True, True, False]
    assert {row["class"] for row in rows} == {"unsure", ""}
    assert "could not be read: missing.png: there is no such file" in done.stdout
    assert "2 of 4 pictures classified" in done.stdout


def test_nothing_on_standard_input(own_run: Path, command: Command) -> None:
    before = sorted(Path.cwd().rglob("*"))
    done = command("predict", "images=-")  # whose input is empty
    assert (done.code, done.out) == (2, "")
    assert "no path on standard input" in done.err
    assert sorted(Path.cwd().rglob("*")) == before


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ("threshold=0", "threshold=0: must be a number, in (0, 1]"),
        ("threshold=1.5", "threshold=1.5: must be in (0, 1]"),
        ("threshold=90%", "90% is 0.9"),
        ("format=xml", "format=xml: must be csv | jsonl | both"),
        ("output=runs", "output=runs: is there already and not empty"),
    ],
)
def test_a_wrong_request_leaves_nothing(
    argv: str, told: str, own_run: Path, command: Command
) -> None:
    before = sorted(Path.cwd().rglob("*"))
    done = command("predict", "images=one.png", argv)
    assert (done.code, told in done.err) == (2, True), done.err
    assert sorted(Path.cwd().rglob("*")) == before
