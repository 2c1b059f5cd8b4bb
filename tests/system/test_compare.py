"""compare and runs as a user runs them, on trained runs."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture(scope="session")
def other_run(server: Any, tiny: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like `tiny_run`, of a wider network and shorter."""
    folder = tmp_path_factory.mktemp("trained") / "wide"
    wide = ("model.channels=[12]", "trainer.epochs=1", f"run.dir={folder}")
    assert server.run("train", *tiny, *wide).succeeded()
    return folder


@pytest.fixture
def both(own_run: Path, other_run: Path) -> tuple[str, str]:
    shutil.copytree(other_run, "runs/wide")
    return own_run.name, "wide"


def test_two_runs(both: tuple[str, str], command: Command) -> None:
    done = command("compare", *both)
    assert done.succeeded()
    reports = [json.loads(Path(f"runs/{n}/report/report.json").read_text()) for n in both]
    first, second = (report["metrics"]["accuracy"] for report in reports)
    assert f"{100 * first:.2f} %" in done.out
    assert "Paired, on the same" in done.out
    assert "model.channels" in done.out
    assert "trainer.epochs" in done.out
    assert "data: the same" in done.out
    (folder,) = Path("runs/compare").iterdir()
    assert folder.name.endswith("_tiny+wide")
    assert str(folder) in done.out
    found = json.loads((folder / "compare.json").read_text())
    assert found["comparisons"][0]["differences"]["accuracy"]["value"] == pytest.approx(
        second - first
    )
    assert found["data"] == {}
    assert set(found["config"]) == {"model.channels", "trainer.epochs"}
    rows = list(csv.DictReader((folder / "compare.csv").read_text().splitlines()))
    assert {row["name"] for row in rows} == set(both)
    assert (folder / "compare.html").read_text().startswith("<!doctype html>")
    assert command("compare", *both).succeeded()
    assert len(list(Path("runs/compare").iterdir())) == 2  # nothing is overwritten


def test_a_run_against_its_other_report(both: tuple[str, str], command: Command) -> None:
    assert command("evaluate", "checkpoint=tiny", "split=val").succeeded()
    assert command("evaluate", "checkpoint=tiny", "tta=shift").succeeded()
    val, shifted = sorted(Path("runs/tiny/evaluate").iterdir())
    if "val" not in val.name:
        val, shifted = shifted, val
    done = command("compare", "tiny", str(shifted), str(val / "report.json"), "output=mine")
    assert done.succeeded()
    assert "tiny/evaluate/" in done.out
    assert "Not paired: A has" in done.out
    found = json.loads(Path("mine/compare.json").read_text())
    assert [pair["paired"] for pair in found["comparisons"]] == [True, False]
    assert found["data"]["split"] == {"A": "test", "B": "test", "C": "val"}
    assert found["data"]["tta"] == {"A": "none", "B": "shift", "C": "none"}
    assert found["config"] == {}


def test_a_report_from_before_there_were_intervals(both: tuple[str, str], command: Command) -> None:
    path = Path("runs/tiny/report/report.json")
    report = json.loads(path.read_text())
    interval = report["metrics"].pop("intervals")["accuracy"]
    path.write_text(json.dumps(report))
    assert command("compare", *both, "output=mine").succeeded()
    figure = json.loads(Path("mine/compare.json").read_text())["runs"][0]["figures"]["accuracy"]
    assert figure["interval"] == pytest.approx(interval)


def test_without_predictions_it_is_said_so(both: tuple[str, str], command: Command) -> None:
    Path("runs/wide/report/predictions.npz").unlink()
    done = command("compare", *both)
    assert done.succeeded()
    assert "predictions.npz is not there" in " ".join(done.out.split())


def test_other_classes_are_other_pictures(
    both: tuple[str, str], tiny: tuple[str, ...], command: Command
) -> None:
    few = ("dataset.classes=[circle,square]", "run.name=few", "trainer.epochs=1")
    assert command("train", *tiny, *few).succeeded()
    done = command("compare", "tiny", "few")
    assert done.succeeded()
    assert "Not paired" in done.out
    assert "dataset.classes" in done.out
    assert "fingerprint" in done.out


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ("compare tiny", "takes two runs or more, as in cnn-train compare tiny wide"),
        ("compare", "takes two runs or more"),
        ("compare tiny tiny", "tiny: is given twice"),
        ("compare tiny tinny", "did you mean 'tiny'?"),
        ("compare tiny wide output=file", "output=file: file is not a folder"),
        ("compare tiny wide output=runs", "output=runs: is there already and not empty"),
        ("compare tiny wide run.root=none", "tiny: no such run or report"),
        ("compare tiny wide outptu=x", "did you mean 'output'?"),
        ("compare tiny broken", "damaged, or no report of cnn-train"),
        ("runs nowhere", "nowhere: is not there"),
        ("runs file", "file: is no folder"),
        ("runs sort=size", "sort=size: must be"),
    ],
)
def test_a_wrong_request(argv: str, told: str, both: tuple[str, str], command: Command) -> None:
    Path("file").touch()
    Path("runs/broken/report").mkdir(parents=True)
    Path("runs/broken/report/report.json").write_text("{}")
    before = sorted(Path.cwd().rglob("*"))
    done = command(*argv.split())
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert "Traceback" not in done.err
    assert sorted(Path.cwd().rglob("*")) == before


def test_the_list_of_runs(both: tuple[str, str], tiny: tuple[str, ...], command: Command) -> None:
    assert command("-m", *tiny, "trainer.epochs=1", "seed=0,1").succeeded()
    assert command("compare", *both).succeeded()
    Path("runs/wide/config.yaml").write_bytes(b"\xff")
    done = command("runs", "sort=name")
    assert done.succeeded()
    assert [name in done.out for name in ("tiny", "wide", "sweeps/", "2/2 jobs")] == [True] * 4
    assert "config.yaml cannot be read" in done.out
    assert "compare" not in done.out
    listed = json.loads(command("runs", "format=json", "jobs=true").out)
    assert [run["state"] for run in listed].count("finished") == 3
    by_name = {run["name"]: run for run in listed}
    assert len(by_name) == 4
    report = json.loads(Path("runs/tiny/report/report.json").read_text())
    assert by_name["tiny"]["accuracy"] == report["metrics"]["accuracy"]
    assert by_name["tiny"]["epochs"] == by_name["tiny"]["planned_epochs"] == 2
    rows = list(csv.DictReader(command("runs", "runs/tiny", "format=csv").out.splitlines()))
    assert [row["name"] for row in rows] == ["tiny"]


def test_an_empty_folder_is_said_to_be_empty(command: Command) -> None:
    Path("runs").mkdir()
    done = command("runs")
    assert done.succeeded()
    assert done.out == "no runs in runs; cnn-train makes one\n"


def test_a_reader_that_leaves_is_no_failure(both: tuple[str, str], checkout: Path) -> None:
    for words in (("runs",), ("compare", *both)):
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "cnn_cli", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(checkout)},
        )
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        with process:
            assert (process.stderr.read(), process.wait()) == (b"", 0)


def test_neither_waits_for_torch(both: tuple[str, str], checkout: Path) -> None:
    code = (
        "import sys; from cnn_cli.cli import main; codes = main(['runs']), main(['compare',"
        " 'tiny', 'wide']); print(codes, {'torch', 'hydra', 'matplotlib'} & {*sys.modules})"
    )
    environ = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environ
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "(0, 0) set()"
