"""Worse than an earlier report: by more than chance explains, or not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnn_cli.engine.predict import Predictions
from cnn_cli.errors import UserError
from cnn_cli.report.baseline import (
    Baseline,
    Outcomes,
    compare,
    outcomes_of,
    read_baseline,
    read_outcomes,
)
from cnn_cli.report.files import write_report
from cnn_cli.report.report import Report, metrics

CLASSES = ("cat", "dog")


def predictions(wrong: set[int], images: int = 100, start: int = 0) -> Predictions:
    """`images` pictures named by numbers from `start`, those in `wrong` taken for the other."""
    labels = np.arange(images) % 2
    given = [1 - label if place in wrong else label for place, label in enumerate(labels)]
    chances = np.full((images, 2), 0.25)
    chances[np.arange(images), given] = 0.75
    return Predictions(labels, chances, tuple(f"{start + i}" for i in range(images)), CLASSES)


def written(folder: Path, made: Predictions) -> Path:
    folder.mkdir(parents=True)
    write_report(Report(metrics(made), {}, {}), made, folder, "")
    return folder / "report.json"


def test_on_the_same_pictures_the_discordant_ones_decide(tmp_path: Path) -> None:
    base = read_baseline("main", [written(tmp_path / "main", predictions({0, 1}))])
    worse = compare(base, outcomes_of(predictions({0, *range(10, 18)})))
    assert not worse.is_met
    assert "baseline=main: worse: accuracy 0.9100 against 0.9800" in worse.told
    assert "of the same 100 pictures 8 are right in the baseline alone (b) and 1 here" in worse.told
    assert "exact McNemar test, one-sided, p = 0.02 is below 0.05" in worse.told
    noise = compare(base, outcomes_of(predictions({0, 10, 11, 12})))
    assert noise.is_met
    assert "not worse beyond noise" in noise.told
    assert compare(base, outcomes_of(predictions(set()))).is_met


def test_the_order_of_pictures_and_classes_does_not_matter(tmp_path: Path) -> None:
    base = read_baseline("main", [written(tmp_path / "main", predictions({0, 1}))])
    new = predictions(set(range(10, 20)))
    turned = Predictions(
        1 - new.labels[::-1], new.probabilities[::-1, ::-1], new.names[::-1], CLASSES[::-1]
    )
    assert compare(base, outcomes_of(turned)) == compare(base, outcomes_of(new))


@pytest.mark.parametrize("same_names", [False, True])
def test_other_pictures_are_compared_by_fishers_test(tmp_path: Path, same_names: bool) -> None:
    base = read_baseline("main", [written(tmp_path / "main", predictions({0}, 200))])
    new = predictions(set(range(40)), 200, start=0 if same_names else 1000)
    if same_names:  # of the same names, but one has another class
        labels = new.labels.copy()
        labels[199] = 0
        new = replace(new, labels=labels)
    found = compare(base, outcomes_of(new))
    assert not found.is_met
    assert "(not the same pictures); Fisher's exact test" in found.told


def test_names_that_are_not_unique_are_compared_in_their_order() -> None:
    right = np.array([True, True, False])
    pictures = (("a", "cat"), ("a", "cat"), ("b", "dog"))
    base = Baseline("main", CLASSES, 2, 3, Outcomes(pictures, right))
    assert "the same 3 pictures" in compare(base, Outcomes(pictures, right)).told
    turned = compare(base, Outcomes(pictures[::-1], right[::-1])).told
    assert "not the same pictures" in turned


def test_a_report_without_predictions_will_do(tmp_path: Path) -> None:
    file = written(tmp_path / "main", predictions({0, 1}))
    file.with_name("predictions.npz").unlink()
    found = compare(read_baseline("main", [file]), outcomes_of(predictions({0, 1, 2})))
    assert found.is_met
    assert "no predictions.npz beside it" in found.told


def test_folds_are_compared_together(tmp_path: Path) -> None:
    files = [
        written(tmp_path / "fold-1", predictions({0})),
        written(tmp_path / "fold-2", predictions({1, 2}, start=100)),
    ]
    base = read_baseline("cv", files)
    assert (base.right, base.images) == (197, 200)
    again = read_outcomes(files[::-1])
    assert "of the same 200 pictures 0 are right" in compare(base, again).told


@pytest.mark.parametrize("damage", ["no json", "other json", "arrays", "others' arrays"])
def test_damaged_files_are_named(tmp_path: Path, damage: str) -> None:
    file = written(tmp_path / "main", predictions({0}))
    arrays = file.with_name("predictions.npz")
    if damage == "no json":
        file.write_text("{")
    elif damage == "other json":
        file.write_text(json.dumps({"metrics": {"images": 3}}))
    elif damage == "arrays":
        arrays.write_bytes(arrays.read_bytes()[:100])
    else:
        other = written(tmp_path / "other", predictions({0, 1}))
        arrays.write_bytes(other.with_name("predictions.npz").read_bytes())
    with pytest.raises(UserError, match=r"^baseline=main: .*(report\.json|predictions\.npz)"):
        read_baseline("main", [file])


@pytest.mark.parametrize(("lost", "is_met"), [(4, True), (5, False)])
def test_worse_is_what_one_of_twenty_equal_models_would_be(lost: int, is_met: bool) -> None:
    """4 of 4 discordant pictures lost come by chance with 1/16, 5 of 5 with 1/32."""
    pictures = tuple((str(i), "cat") for i in range(40))
    base = Baseline("main", CLASSES, 40, 40, Outcomes(pictures, np.ones(40, dtype=bool)))
    right = np.arange(40) >= lost
    assert compare(base, Outcomes(pictures, right)).is_met is is_met


def test_another_part_of_the_data_is_said_to_be_one(tmp_path: Path) -> None:
    base = read_baseline("main", [written(tmp_path / "main", predictions({0}, 200))])
    base = replace(base, part="digits test")
    told = compare(base, outcomes_of(predictions({1}, 180)), "digits val").told
    assert "(those are of digits test, these of digits val: other pictures)" in told
