"""How sure a figure is: intervals of proportions and of cross-validated means."""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist, fmean, variance

LEVEL = 0.95
"""Share of repetitions in which the true value is to lie inside."""


def wilson(right: int, n: int) -> tuple[float, float]:
    """The score interval of the proportion right / n, in [0, 1] (Wilson 1927).

    Raises ValueError for n < 1.
    """
    if n < 1:
        raise ValueError("an interval needs one trial at least")
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    centre = (right + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * sqrt(right * (n - right) / n + z * z / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def cross_validated(values: Sequence[float], ratio: float) -> tuple[float, float]:
    """The interval of the mean of one figure over the folds.

    Trainings of different folds share most of their pictures, so that their spread is too small:
    the variance is multiplied by 1/K + n_test / n_train in place of 1/K (Nadeau & Bengio 2003,
    "Inference for the Generalization Error", section 3). `ratio` is n_test / n_train, the pictures
    that a fold tests on over those it trains on. Raises ValueError for fewer than two values.
    """
    from scipy.stats import t

    folds = len(values)
    if folds < 2:
        raise ValueError("a spread needs two values at least")
    spread = sqrt((1 / folds + ratio) * variance(values))
    half = float(t.ppf((1 + LEVEL) / 2, folds - 1)) * spread
    return fmean(values) - half, fmean(values) + half
