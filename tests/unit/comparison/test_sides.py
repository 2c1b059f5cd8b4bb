"""A report read back: as it stands, and what an older or damaged one lacks."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnn_cli.comparison.sides import FIGURES, Side, read_sides
from cnn_cli.comparison.words import plain_rows
from cnn_cli.errors import UserError

Maker = Callable[..., Path]
RIGHT = np.arange(60) % 5 > 0


@pytest.fixture
def report(make_run: Maker) -> Path:
    return make_run("one", RIGHT) / "report"


def change(report: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    path = report / "report.json"
    found = json.loads(path.read_text())
    edit(found)
    path.write_text(json.dumps(found))


def side(report: Path) -> Side:
    return read_sides([report])[0]


def test_the_figures_are_those_of_the_report(report: Path) -> None:
    metrics = json.loads((report / "report.json").read_text())["metrics"]
    found = side(report)
    assert (found.letter, found.name, found.images, found.right) == ("A", "one", 60, 48)
    assert tuple(found.figures) == FIGURES
    for name in FIGURES[:-1]:
        assert found.figures[name].value == metrics[name]
        assert found.figures[name].interval == tuple(metrics["intervals"][name])
    assert found.figures["ece"].value == metrics["calibration"]["ece"]
    assert found.run is not None
    assert found.run.folder.name == "one"


def test_what_an_old_report_lacks_is_computed_from_its_predictions(report: Path) -> None:
    whole = side(report).figures

    def age(found: dict[str, Any]) -> None:
        for name in ("intervals", "brier", "calibration", "balanced_accuracy", "macro_f1"):
            del found["metrics"][name]

    change(report, age)
    old = side(report).figures
    assert set(old) == set(whole)
    for name, figure in whole.items():
        assert old[name].value == pytest.approx(figure.value)
        assert old[name].interval == pytest.approx(figure.interval)


def test_without_predictions_the_report_has_to_do(report: Path) -> None:
    change(report, lambda found: found["metrics"].pop("intervals"))
    (report / "predictions.npz").unlink()
    found = side(report)
    assert found.predictions is None
    assert found.missing == f"{report / 'predictions.npz'} is not there"
    low, high = found.figures["accuracy"].interval or (1.0, 0.0)
    assert low < 0.8 < high
    assert found.figures["loss"].interval is None


def test_predictions_that_are_damaged_or_of_another_report(report: Path, make_run: Maker) -> None:
    path = report / "predictions.npz"
    kept = path.read_bytes()
    path.write_bytes(kept[: len(kept) // 2])
    assert side(report).missing == f"{path} is damaged"
    other = make_run("other", RIGHT[:59])
    shutil.copy(other / "report" / "predictions.npz", path)
    assert "is not of this report.json" in side(report).missing
    labels = np.zeros(60, dtype=np.int64)
    np.savez(path, labels=labels, probabilities=np.full((60, 3), np.nan), names=["a"] * 60,
             classes=["x", "y", "z"])  # fmt: skip
    assert side(report).missing == f"{path} is damaged"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"metrics": {}}', '{"metrics": {"accuracy": 2, "images": 3}}',
             '{"metrics": {"accuracy": "high", "images": 3}}', "\x00"],
)  # fmt: skip
def test_a_damaged_report_is_named(report: Path, text: str) -> None:
    (report / "report.json").write_text(text)
    with pytest.raises(UserError, match=r"report\.json: damaged, or no report"):
        side(report)


def test_the_time_is_that_of_the_whole_training_where_it_is_known(report: Path) -> None:
    assert dict(plain_rows(side(report)))["training"] == "12 s"
    other = Path(shutil.copytree(report, report.parent / "evaluate" / "val"))
    change(other, lambda found: found.update(cost={"train_seconds_to_these_weights": 5.0}))
    assert dict(plain_rows(side(other)))["training"] == "12 s"
    shutil.rmtree(report)
    assert dict(plain_rows(side(other)))["training"] == "over 5.0 s"


def test_names_tell_the_reports_apart(report: Path, make_run: Maker) -> None:
    run = report.parent
    shutil.copytree(report, run / "evaluate" / "val")
    shutil.copytree(report, "alone")
    shutil.copytree(run, "elsewhere/one")
    make_run("two", RIGHT)
    places = [report, Path("runs/two/report"), run / "evaluate/val", Path("alone")]
    assert [one.name for one in read_sides(places)] == ["one", "two", "one/evaluate/val", "alone"]
    jobs = [make_run(name, RIGHT) / "report" for name in ("sweeps/2026/0", "cv/fold-1")]
    assert [one.name for one in read_sides(jobs)] == ["2026/0", "cv/fold-1"]
    doubled = [report, Path("elsewhere/one/report")]
    assert [one.name for one in read_sides(doubled)] == [str(place) for place in doubled]
