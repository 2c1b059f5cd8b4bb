"""Whether probabilities mean what they say, by hand and in cases of known error."""

import numpy as np
import pytest

from cnn_cli.report.calibration import (
    BINS,
    bins,
    classwise_error,
    coverage,
    expected_error,
)


def test_bins_hold_their_upper_edge_and_all_of_the_pictures() -> None:
    found = bins(np.array([0.0, 1 / BINS, 1 / BINS + 1e-9, 1.0]), np.array([1, 0, 1, 1]) > 0)
    assert [part["images"] for part in found] == [2, 1] + [0] * (BINS - 3) + [1]
    assert found[0]["accuracy"] == 0.5
    assert found[2]["accuracy"] is None


def test_probabilities_that_are_right_as_often_as_they_say_have_no_error() -> None:
    confidence = np.repeat([0.5, 0.9], 10)
    right = np.array([True] * 5 + [False] * 5 + [True] * 9 + [False])
    assert expected_error(bins(confidence, right)) == pytest.approx(0, abs=1e-12)


def test_a_known_gap_is_found() -> None:
    """Always at 90 %, right in 60 %: an error of 0.3."""
    confidence, right = np.full(10, 0.9), np.arange(10) < 6
    assert expected_error(bins(confidence, right)) == pytest.approx(0.3)
    half = np.concatenate([confidence, np.full(10, 0.5)])
    also = np.concatenate([right, np.arange(10) < 5])
    assert expected_error(bins(half, also)) == pytest.approx(0.15)


def test_the_error_of_each_class_by_hand() -> None:
    chances = np.array([[0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2]])
    assert classwise_error(chances, np.array([0, 0, 0, 1])) == pytest.approx(0.05)
    assert classwise_error(chances, np.array([1, 1, 1, 1])) == pytest.approx(0.8)


def test_the_error_of_each_class_is_the_mean_of_theirs_alone() -> None:
    random = np.random.default_rng(0)
    chances = random.dirichlet(np.ones(7), 500)
    labels = random.integers(0, 7, 500)
    each = [expected_error(bins(chances[:, k], labels == k)) for k in range(7)]
    assert classwise_error(chances, labels) == pytest.approx(np.mean(each))


def test_the_surest_come_first() -> None:
    found = coverage(np.array([0.9, 0.6, 0.8, 0.7]), np.array([True, False, True, True]))
    assert found[-1] == {"coverage": 1.0, "accuracy": 0.75, "threshold": 0.6}
    assert found[0] == {"coverage": 0.25, "accuracy": 1.0, "threshold": 0.9}
