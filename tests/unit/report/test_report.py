"""The report's figures, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics as reference

from cnn_cli.engine.predict import Predictions
from cnn_cli.errors import TrainingError, UserError
from cnn_cli.report.report import metrics


def predictions(classes: int, images: int, *, missing: int = 0, seed: int = 0) -> Predictions:
    """Random ones, half of them right; the last `missing` classes are never true."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes - missing, images)
    scores = random.normal(size=(images, classes))
    scores[np.arange(images), labels] += 1.5
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    names = tuple(f"test/{i}" for i in range(images))
    return Predictions(labels, chances, names, tuple(f"class {i}" for i in range(classes)))


@pytest.mark.parametrize(("classes", "missing"), [(2, 0), (7, 0), (7, 2), (120, 1)])
def test_every_figure_is_scikit_learns(classes: int, missing: int) -> None:
    given = predictions(classes, 400, missing=missing)
    found = metrics(given)
    labels = np.arange(classes)
    pair = (given.labels, given.predicted)
    options = {"labels": labels, "zero_division": 0}
    each = reference.precision_recall_fscore_support(*pair, **options)
    macro = reference.precision_recall_fscore_support(*pair, average="macro", **options)
    present = np.isin(labels, given.labels)

    assert found["images"] == 400
    assert found["accuracy"] == reference.accuracy_score(*pair)
    assert found["loss"] == pytest.approx(
        reference.log_loss(given.labels, given.probabilities, labels=labels)
    )
    assert found["confusion"] == reference.confusion_matrix(*pair, labels=labels).tolist()
    assert found["balanced_accuracy"] == pytest.approx(each[1][present].mean())
    for key, column in zip(("precision", "recall", "f1", "support"), each, strict=True):
        assert [row[key] for row in found["per_class"]] == pytest.approx(column.tolist())
    for key, value in zip(("precision", "recall", "f1"), macro, strict=False):
        assert found[f"macro_{key}"] == pytest.approx(value)
    weighted = reference.f1_score(*pair, average="weighted", **options)
    assert found["weighted_f1"] == pytest.approx(weighted)
    if classes > 5:
        top = reference.top_k_accuracy_score(given.labels, given.probabilities, k=5, labels=labels)
        assert found["top5_accuracy"] == top
    else:
        assert found["top5_accuracy"] == 1.0


def test_most_confused_pairs_come_by_count_then_by_share_of_the_class() -> None:
    labels = np.array([0] * 8 + [1] * 4 + [2] * 3)
    guesses = np.array([0] * 5 + [1, 1, 2] + [2, 2, 1, 1] + [0, 2, 2])
    given = Predictions(labels, np.eye(3)[guesses], ("x",) * 15, ("a", "b", "c"))
    assert metrics(given)["most_confused"] == [
        {"true": "b", "predicted": "c", "count": 2, "share": 0.5},
        {"true": "a", "predicted": "b", "count": 2, "share": 0.25},
        {"true": "c", "predicted": "a", "count": 1, "share": 1 / 3},
        {"true": "a", "predicted": "c", "count": 1, "share": 0.125},
    ]


def test_a_tie_goes_to_the_class_named_first_in_accuracy_and_in_top_five() -> None:
    labels = np.array([0, 4, 5])
    given = Predictions(labels, np.full((3, 8), 1 / 8), ("x",) * 3, tuple("abcdefgh"))
    found = metrics(given)
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["top5_accuracy"] == pytest.approx(2 / 3)


def test_certain_predictions_have_a_finite_loss_and_no_negative_zero() -> None:
    right = Predictions(np.array([0, 1]), np.eye(2), ("x", "y"), ("a", "b"))
    wrong = Predictions(np.array([1, 0]), np.eye(2), ("x", "y"), ("a", "b"))
    assert str(metrics(right)["loss"]) == "0.0"
    assert metrics(right)["most_confused"] == []
    assert metrics(wrong)["loss"] == pytest.approx(-np.log(np.finfo(np.float64).tiny))
    assert metrics(wrong)["macro_f1"] == 0.0


def test_no_pictures_is_a_wrong_request() -> None:
    none = Predictions(np.zeros(0, dtype=np.int64), np.zeros((0, 3)), (), ("a", "b", "c"))
    with pytest.raises(UserError, match="no pictures"):
        metrics(none)


def test_a_model_that_gives_no_numbers_is_named_with_the_picture() -> None:
    chances = np.full((3, 2), 0.5)
    chances[1] = np.nan
    broken = Predictions(np.zeros(3, dtype=np.int64), chances, ("p0", "p1", "p2"), ("a", "b"))
    with pytest.raises(TrainingError, match="1 of 3 pictures, the first of them p1"):
        metrics(broken)
