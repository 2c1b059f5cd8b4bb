"""A temperature undoes a known miscalibration, and changes nothing but how sure a model is."""

import numpy as np
import pytest
from scipy.special import softmax

from cnn_cli.report.calibration import bins, expected_error
from cnn_cli.report.temperature import LIMITS, fitted, scaled


def sample(images: int, factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are `factor` times as sharp as those the labels were drawn by."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(images, 6)) * 2
    chances = softmax(logits, axis=1)
    labels = (chances.cumsum(axis=1) > random.random((images, 1))).argmax(axis=1)
    return softmax(logits * factor, axis=1), labels


@pytest.mark.parametrize("factor", [0.4, 1.0, 2.5])
def test_a_known_sharpness_is_found(factor: float) -> None:
    chances, labels = sample(20_000, factor)
    assert fitted(chances, labels) == pytest.approx(factor, rel=0.04)


def test_the_error_is_gone_afterwards() -> None:
    chances, labels = sample(20_000, 3.0)

    def error(given: np.ndarray) -> float:
        return expected_error(bins(given.max(axis=1), given.argmax(axis=1) == labels))

    assert error(chances) > 0.15
    assert error(scaled(chances, fitted(chances, labels))) < 0.02


def test_scaling_is_that_of_the_logits_and_keeps_the_order() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 4)) * 3
    found = scaled(softmax(logits, axis=1), 1.7)
    assert found == pytest.approx(softmax(logits / 1.7, axis=1))
    assert (found.argmax(axis=1) == logits.argmax(axis=1)).all()
    assert scaled(np.eye(3), 2.0).sum(axis=1) == pytest.approx(np.ones(3))


def test_a_model_that_has_thirty_of_thirty_right_is_sure_as_if_it_had_31_of_32() -> None:
    chances = np.tile([0.6, 0.4], (30, 1))
    found = fitted(chances, np.zeros(30, dtype=np.int64))
    assert scaled(chances, found)[0] == pytest.approx([31 / 32, 1 / 32], rel=1e-4)


def test_the_search_ends_at_its_limits() -> None:
    chances = np.tile([0.501, 0.499], (30, 1))
    assert fitted(chances, np.zeros(30, dtype=np.int64)) == pytest.approx(LIMITS[0], rel=1e-3)
