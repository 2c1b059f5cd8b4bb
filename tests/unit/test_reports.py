"""An earlier report is found by its file, its folder, its run or the run's name."""

import shutil
from pathlib import Path

import pytest

from cnn_cli.errors import UserError
from cnn_cli.reports import check_baseline, find_reports

FILE = Path("runs/main/report/report.json")


@pytest.fixture
def run() -> Path:
    FILE.parent.mkdir(parents=True)
    FILE.write_text("{}")
    Path("runs/main/checkpoints").mkdir()
    Path("runs/main/config.yaml").touch()
    Path("runs/main/checkpoints/step-00000001.ckpt").touch()
    return Path("runs/main")


@pytest.mark.parametrize(
    "ref", ["runs/main/report/report.json", "runs/main/report", "runs/main", "main", "latest"]
)
def test_it_is_found_by_any_of_its_names(run: Path, ref: str) -> None:
    assert find_reports(ref, Path("runs")) == (FILE,)
    assert check_baseline({"baseline": ref, "run": {"root": "runs"}}) == []


def test_a_cross_validation_has_the_reports_of_its_folds(run: Path) -> None:
    for fold in ("fold-1", "fold-2"):
        shutil.copytree(run, Path("runs/cv") / fold)
    Path("runs/cv/crossvalidation.json").touch()
    assert find_reports("cv", Path("runs")) == tuple(
        Path(f"runs/cv/fold-{fold}/report/report.json") for fold in (1, 2)
    )


@pytest.mark.parametrize(
    ("ref", "told"),
    [
        ("mian", r"no such report or run \(did you mean 'main'\?\); runs are sought under runs"),
        ("runs", "no such report or run"),
        ("runs/main/config.yaml", "is no report; give its folder or its report.json"),
        ("runs/main/checkpoints", "holds no report.json; give a run that has come to its end"),
    ],
)
def test_what_is_none_is_refused(run: Path, ref: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        find_reports(ref, Path("runs"))
    assert check_baseline({"baseline": ref, "run": {"root": "runs"}})


def test_without_any_run_there_is_no_latest() -> None:
    with pytest.raises(UserError, match="baseline=latest: no run with a checkpoint under runs"):
        find_reports("latest", Path("runs"))
    assert check_baseline({"baseline": None, "run": {"root": "runs"}}) == []
