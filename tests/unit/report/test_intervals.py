"""Intervals against scipy's, against a closed form, and by how often they are right."""

from math import sqrt

import numpy as np
import pytest
from scipy.stats import binomtest, t

from cnn_cli.report.intervals import cross_validated, wilson


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 30), (29, 30), (500, 1000), (7, 7)])
def test_wilsons_interval_is_scipys(right: int, n: int) -> None:
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson(right, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_folds_that_agree_have_no_spread() -> None:
    assert cross_validated([0.9, 0.9, 0.9], 1 / 3) == pytest.approx((0.9, 0.9))


def test_the_spread_is_widened_for_shared_pictures() -> None:
    values = [0.91, 0.93, 0.90, 0.94, 0.92]
    low, high = cross_validated(values, 0.2 / 0.8)
    standard_error = sqrt((1 / 5 + 0.2 / 0.8) * np.var(values, ddof=1))
    assert high - low == pytest.approx(2 * t.ppf(0.975, 4) * standard_error)
    assert (low + high) / 2 == pytest.approx(0.92)


def test_wilson_covers_as_often_as_it_says() -> None:
    numbers = np.random.default_rng(0)
    for true in (0.7, 0.95):
        found = [wilson(int(right), 400) for right in numbers.binomial(400, true, 2000)]
        share = np.mean([low <= true <= high for low, high in found])
        assert 0.93 <= share <= 0.97


@pytest.mark.parametrize("call", [lambda: wilson(0, 0), lambda: cross_validated([0.9], 0.5)])
def test_nothing_has_no_interval(call: object) -> None:
    with pytest.raises(ValueError, match="needs"):
        call()  # type: ignore[operator]
