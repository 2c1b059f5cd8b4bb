"""Thresholds on every figure, on classes and times: met, missed, or refused as senseless."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from cnn_cli.commands import requirements
from cnn_cli.commands.requirements import TIMES, Demands, check_sensible, judge, tell
from cnn_cli.engine.display import Display
from cnn_cli.engine.predict import Predictions
from cnn_cli.errors import UserError
from cnn_cli.report.baseline import Baseline, Outcomes, outcomes_of
from cnn_cli.report.report import Report, metrics
from cnn_cli.report.verdict import Verdict
from cnn_cli.sections import RequireConfig, TrainRequireConfig

CLASSES = ("cat", "dog", "owl")


def predictions() -> Predictions:
    """Ten pictures: a dog taken for a cat, all else right; no owl."""
    labels = np.array([0] * 5 + [1] * 5)
    chances = np.full((10, 3), 0.1)
    chances[np.arange(10), [0] * 5 + [1] * 4 + [0]] = 0.8
    return Predictions(labels, chances, tuple(f"{i}.png" for i in range(10)), CLASSES)


def report() -> Report:
    cost = {"train_seconds": 100.0, "evaluate_seconds": 2.0}
    return Report(metrics(predictions()), cost, {})


def none() -> Outcomes:
    raise AssertionError("nothing is compared")


def verdicts(**thresholds: Any) -> list[Verdict]:
    return judge(Demands(thresholds, None), report(), none)


def said(found: list[Verdict]) -> tuple[int, str]:
    file = io.StringIO()
    return tell(found, Display(Console(file=file, width=300))), file.getvalue()


def test_a_missed_threshold_is_three_and_says_by_how_much() -> None:
    code, told = said(verdicts(accuracy=0.95))
    assert code == 3
    assert "require.accuracy=0.95: missed by 0.0500: accuracy is 0.9000 and has to be at" in told
    code, told = said(verdicts(loss=0.01))
    assert code == 3
    assert "has to be at most 0.01" in told


def test_met_thresholds_are_zero_and_several_misses_are_all_told() -> None:
    assert said(verdicts(accuracy=0.9, loss=0.5))[0] == 0
    assert said([]) == (0, "")
    code, told = said(verdicts(accuracy=1.0, kappa=0.1, ece=0.01))
    assert code == 3
    assert [line.split("=")[0] for line in told.splitlines()] == [
        "require.accuracy", "require.kappa", "require.ece",
    ]  # fmt: skip
    assert told.count("missed by") == 2


def test_every_scalar_figure_of_a_report_can_be_required() -> None:
    made = metrics(predictions())
    figures = {key for key, value in made.items() if value is None or isinstance(value, float)}
    figures |= {key for key, value in made["calibration"].items() if isinstance(value, float)}
    others = {"precision", "recall", "f1", "evaluate_time", "latency_ms"}
    assert set(RequireConfig.__dataclass_fields__) == figures | others
    assert set(TrainRequireConfig.__dataclass_fields__) - {"train_time"} == figures | others
    found = judge(Demands(dict.fromkeys(figures, 0.5), None), report(), none)
    assert {verdict.key.removeprefix("require.") for verdict in found} == figures


@pytest.mark.parametrize("name", ["loss", "brier", "ece", "classwise_ece"])
def test_what_is_better_when_small_has_an_upper_bound(name: str) -> None:
    assert [v.is_met for v in verdicts(**{name: 1.9})] == [True]
    assert [v.is_met for v in verdicts(**{name: 0.0001})] == [False]


def test_a_figure_that_just_misses_is_told_with_digits_enough() -> None:
    made = Report({"accuracy": 0.97996, "per_class": []}, {}, {})
    (one,) = judge(Demands({"accuracy": 0.98}, None), made, none)
    assert "missed by 0.00004: accuracy is 0.97996" in one.told


def test_classes_by_name_and_the_worst_of_all() -> None:
    found = verdicts(recall={"cat": 0.9, "dog": 0.9, "owl": 0.1})
    assert [(one.key, one.is_met) for one in found] == [
        ("require.recall.cat", True),
        ("require.recall.dog", False),
        ("require.recall.owl", False),
    ]
    assert "recall of dog is 0.8000 and has to be at least 0.9" in found[1].told
    assert "no value on these pictures" in found[2].told
    (worst,) = verdicts(recall=0.9)
    assert "the worst class, dog, is 0.8000" in worst.told  # of owls there are no pictures
    assert [one.is_met for one in verdicts(precision=0.8)] == [True]


def test_times() -> None:
    train, evaluation = verdicts(train_time="1m", evaluate_time="3s")
    assert not train.is_met
    assert train.told == (
        "require.train_time=1m: missed by 40 s: the training took 1 min 40 s and may take 1m"
        " at most"
    )
    assert evaluation.told == "require.evaluate_time=3s: met with 2.0 s"
    assert set(TIMES) == {"train_time", "evaluate_time"}


def test_the_latency_of_one_picture_has_an_upper_bound() -> None:
    made = Report({"per_class": []}, {"latency_ms": {"median": 4.5, "p95": 9.0, "runs": 50}}, {})
    slow, quick = (judge(Demands({"latency_ms": limit}, None), made, none)[0] for limit in (4, 5))
    assert "latency_ms is 4.5000 and has to be at most 4" in slow.told
    assert (slow.is_met, quick.is_met) == (False, True)


def test_what_nothing_could_miss_and_unknown_classes_are_refused_together() -> None:
    wanted = Demands({"top5_accuracy": 0.9, "recall": {"cats": 0.5}, "f1": {}}, None)
    with pytest.raises(UserError) as caught:
        check_sensible(wanted, CLASSES)
    top5, recall, f1 = caught.value.problems
    assert top5.startswith("require.top5_accuracy: is always met by 3 classes")
    assert "there is no class 'cats' (did you mean 'cat'?)" in recall
    assert f1.startswith("require.f1={}: names no class")


def test_a_baseline_with_other_classes_is_refused_and_another_order_is_not() -> None:
    other = Baseline("main", ("cat", "fox", "dog"), 9, 10, None)
    with pytest.raises(UserError, match="it alone has fox, and here alone is owl"):
        check_sensible(Demands({}, other), CLASSES)
    check_sensible(Demands({}, Baseline("main", ("owl", "dog", "cat"), 9, 10, None)), CLASSES)


def test_one_of_several_reports_is_checked_and_not_judged() -> None:
    together = Demands({"accuracy": 1.0, "recall": {"cats": 1.0}}, None, together=True)
    assert judge(together, report(), none) == []
    with pytest.raises(UserError, match="'cats'"):
        check_sensible(together, CLASSES)


def test_the_files_are_written_and_without_demands_there_is_no_xml(tmp_path: Path) -> None:
    made = Report(metrics(predictions()), {"evaluate_seconds": 2.0}, {})
    baseline = Baseline("main", CLASSES, 10, 10, None)
    found = judge(Demands({"accuracy": 0.5}, baseline), made, lambda: outcomes_of(predictions()))
    assert [one.is_met for one in found] == [True, True]
    names = [path.name for path in requirements.write(found, made, tmp_path)]
    assert names == ["summary.md", "junit.xml"]
    (tmp_path / "none").mkdir()
    assert [path.name for path in requirements.write([], made, tmp_path / "none")] == ["summary.md"]
    assert [path.name for path in (tmp_path / "none").iterdir()] == ["summary.md"]
