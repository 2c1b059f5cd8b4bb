"""Checkpoints of every released format can be used for ever: evaluated, and gone on with.

checkpoints/format-N/ is a run on scikit-learn's digits as that version wrote it, expected.json what
it said. Figures may differ in the last digits from one processor to the next.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch

from cnn_cli.cli import main
from cnn_cli.engine.checkpoint import FORMAT

HERE = Path(__file__).parent / "checkpoints"
FORMATS = sorted(path.name for path in HERE.iterdir())


@pytest.fixture(params=FORMATS)
def old(request: pytest.FixtureRequest) -> tuple[Path, dict]:
    """A copy of the run, and what is expected of it."""
    run = Path("runs") / request.param
    shutil.copytree(HERE / request.param, run)
    return run, json.loads((run / "expected.json").read_text())


def test_there_is_one_of_each_format() -> None:
    assert [f"format-{number}" for number in range(1, FORMAT + 1)] == FORMATS


def test_it_is_evaluated_to_the_same_figures(old: tuple[Path, dict]) -> None:
    run, expected = old
    assert main(["evaluate", f"checkpoint={run}", "output=out", "device.threads=1"]) == 0
    metrics = json.loads(Path("out/report.json").read_text())["metrics"]
    assert metrics["images"] == expected["evaluated"]["images"]
    assert metrics["accuracy"] == pytest.approx(expected["evaluated"]["accuracy"], abs=0.01)
    assert metrics["loss"] == pytest.approx(expected["evaluated"]["loss"], rel=1e-4)


def test_it_is_gone_on_with(old: tuple[Path, dict]) -> None:
    run, expected = old
    assert main([f"resume={run}", "trainer.epochs=7", "device.threads=1"]) == 0
    line = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    wanted = expected["resumed"]["line"]
    assert (line["step"], line["epoch"], line["best"]) == (
        wanted["step"], wanted["epoch"], wanted["best"]
    )  # fmt: skip
    assert line["lr"] == pytest.approx(wanted["lr"])
    for part in ("train", "val"):
        assert line[part]["loss"] == pytest.approx(wanted[part]["loss"], rel=1e-3)
        assert line[part]["accuracy"] == pytest.approx(wanted[part]["accuracy"], abs=0.02)


def test_a_newer_format_is_refused_in_one_line(
    old: tuple[Path, dict], capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = old
    path = next((run / "checkpoints").glob("*.ckpt"))
    fields = torch.load(path, weights_only=True)
    torch.save(fields | {"format": 99}, "newer.ckpt")
    for words in (["evaluate", "checkpoint=newer.ckpt"], ["resume=newer.ckpt"]):
        assert main(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"written in format 99; this version reads format {FORMAT}" in line
