"""Areas under the ROC curve and average precision, against scikit-learn and by hand."""

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn import metrics as reference

from cnn_cli.report.ranking import auc_interval, average_precision, midranks, roc_auc


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


def test_intervals_stay_between_0_and_1() -> None:
    assert auc_interval(1.0, 0.0) == (1.0, 1.0)
    low, high = auc_interval(0.995, 0.01)
    assert 0 < low < 0.995 < high < 1


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
        low, high = auc_interval(*found)
        inside += low <= true <= high
    assert 930 <= inside <= 970
