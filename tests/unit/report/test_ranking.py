"""Areas under the ROC curve and average precision, against scikit-learn and by hand."""

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn import metrics as reference

from cnn_cli.report.ranking import (
    Area,
    auc_interval,
    average_precision,
    mean_auc_interval,
    midranks,
    roc_auc,
)


def scored(images: int, seed: int, *, steps: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of which the positives' are higher; with `steps`, many are equal."""
    random = np.random.default_rng(seed)
    positive = random.random(images) < 0.3
    scores = random.normal(size=images) + positive
    return (np.round(scores * steps) / steps if steps else scores), positive


@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("seed", range(3))
def test_areas_are_scikit_learns(seed: int, steps: int) -> None:
    scores, positive = scored(300, seed, steps=steps)
    found = roc_auc(scores, positive)
    assert found is not None
    assert found[0] == pytest.approx(reference.roc_auc_score(positive, scores), abs=1e-12)
    precision = average_precision(scores, positive)
    expected = reference.average_precision_score(positive, scores)
    assert precision == pytest.approx(expected, abs=1e-12)


def test_the_error_is_that_of_delongs_placements() -> None:
    """By their definition: how each picture stands to all of the other kind."""
    scores, positive = scored(80, 1, steps=3)
    ones, zeros = scores[positive], scores[~positive]
    beats = (ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros)
    variance = beats.mean(1).var(ddof=1) / len(ones) + beats.mean(0).var(ddof=1) / len(zeros)
    found = roc_auc(scores, positive)
    assert found is not None
    assert found[1] == pytest.approx(np.sqrt(variance))


def test_midranks_are_scipys() -> None:
    values = np.array([3.0, 1.0, 1.0, 2.0, 3.0, 3.0])
    assert midranks(values).tolist() == rankdata(values).tolist()


def test_one_kind_alone_has_no_area() -> None:
    scores = np.array([0.1, 0.9])
    assert roc_auc(scores, np.array([True, True])) is None
    assert roc_auc(scores, np.array([False, False])) is None
    assert average_precision(scores, np.array([False, False])) is None
    assert average_precision(scores, np.array([True, True])) == 1.0


def test_intervals_stay_between_0_and_1_and_are_no_points() -> None:
    positive = np.arange(60) < 20
    perfect = roc_auc(positive.astype(float), positive)
    assert perfect is not None
    assert perfect.area == 1
    low, high = auc_interval(perfect)
    assert 0.8 < low < 0.99
    assert high == 1
    inverse = roc_auc(-positive.astype(float), positive)
    assert inverse is not None
    assert auc_interval(inverse) == pytest.approx((0, 1 - low), abs=1e-6)
    near = roc_auc(
        np.where(np.arange(60) == 0, 0.5, positive * 1.0) - (np.arange(60) == 0), positive
    )
    assert near is not None
    low, high = auc_interval(near)
    assert 0 < low < near.area < high < 1
    many = mean_auc_interval([perfect] * 3)
    assert many[1] == 1
    assert auc_interval(perfect)[0] < many[0] < 0.99


@pytest.mark.parametrize(("apart", "least"), [(2.0, 930), (3.5, 930), (5.0, 930)])
def test_areas_near_one_are_held_at_least_as_often(apart: float, least: int) -> None:
    from statistics import NormalDist

    true, inside = NormalDist().cdf(apart / np.sqrt(2)), 0
    random = np.random.default_rng(1)
    positive = np.arange(200) < 30
    for _ in range(1000):
        found = roc_auc(random.normal(size=200) + apart * positive, positive)
        assert found is not None
        low, high = auc_interval(found)
        inside += low <= true <= high
    assert inside >= least


def test_the_mean_area_is_held_with_its_covariances() -> None:
    random, inside = np.random.default_rng(0), 0
    labels = np.repeat(np.arange(4), 50)

    def areas(images: np.ndarray) -> list[Area]:
        logits = random.normal(size=(len(images), 4))
        logits[np.arange(len(images)), images] += 1.5
        found = [roc_auc(logits[:, k] - logits.mean(1), images == k) for k in range(4)]
        return [one for one in found if one is not None]

    true = np.mean([one.area for one in areas(np.repeat(np.arange(4), 10_000))])
    for _ in range(500):
        low, high = mean_auc_interval(areas(labels))
        inside += low <= true <= high
    assert 460 <= inside <= 490


def test_the_interval_holds_the_true_area() -> None:
    """Coverage over 1,000 samples of two normal distributions, whose area is known."""
    from statistics import NormalDist

    true, inside = NormalDist().cdf(1.2 / np.sqrt(2)), 0
    random = np.random.default_rng(0)
    positive = np.arange(150) < 50
    for _ in range(1000):
        scores = random.normal(size=150) + 1.2 * positive
        found = roc_auc(scores, positive)
        assert found is not None
        low, high = auc_interval(found)
        inside += low <= true <= high
    assert 930 <= inside <= 970


@pytest.mark.parametrize(("classes", "each"), [(100, 2), (10, 10), (20, 5)])
def test_the_mean_area_of_a_few_pictures_a_class_is_held(classes: int, each: int) -> None:
    random, inside, trials = np.random.default_rng(0), 0, 60

    def areas(each: int) -> list[Area]:
        labels = np.repeat(np.arange(classes), each)
        logits = random.normal(size=(len(labels), classes))
        logits[np.arange(len(labels)), labels] += 2.0
        found = [roc_auc(logits[:, k], labels == k) for k in range(classes)]
        return [one for one in found if one is not None]

    true = np.mean([one.area for one in areas(400)])
    for _ in range(trials):
        low, high = mean_auc_interval(areas(each))
        inside += low <= true <= high
    assert inside / trials >= 0.9
