"""Whether two models differ by more than chance: on the same pictures, or on others.

b counts the pictures that only the first has right, c those that only the second has right. All
differences are second minus first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from cnn_cli.report import agreement
from cnn_cli.report.calibration import BINS
from cnn_cli.report.intervals import LEVEL, wilson
from cnn_cli.report.resampling import DRAWS, SEED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AT_ONCE = 4_000_000
"""Pictures drawn in one go, all draws together: what 32 MB hold."""
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "loss", "brier")
"""What `differences` compares."""


@dataclass(frozen=True)
class Outcomes:
    """What a model made of N pictures; its classes are numbered 0 .. classes - 1."""

    labels: Ints
    """(N,)"""
    predicted: Ints
    """(N,)"""
    losses: Floats
    """(N,) in nats"""
    briers: Floats
    """(N,) in [0, 2]"""
    classes: int

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,)"""
        return np.asarray(self.labels == self.predicted)


def mcnemar(b: int, c: int) -> float:
    """The exact p-value of b against c (McNemar 1947), two-sided: a fair coin thrown b + c times.

    1 where neither model has a picture right that the other has wrong.
    """
    return min(1.0, 2 * mcnemar_worse(max(b, c), min(b, c)))


def mcnemar_worse(b: int, c: int) -> float:
    """One-sided: how likely b or more of b + c are where both models are equally good."""
    from scipy.special import bdtr

    return float(bdtr(c, b + c, 0.5)) if b + c else 1.0


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979), in the order given.

    Calling those below 0.05 differences is wrong at all in at most 5 % of such families.
    """
    found, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        found[place] = largest
    return found


def newcombe(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float]:
    """The interval of a difference of two proportions, (right, n) each, of different pictures.

    Newcombe 1998, "Interval estimation for the difference between independent proportions", method
    10: Wilson's limits of both. Raises ValueError for n < 1.
    """
    p, (low_p, high_p) = first[0] / first[1], wilson(*first)
    q, (low_q, high_q) = second[0] / second[1], wilson(*second)
    below = sqrt((q - low_q) ** 2 + (high_p - p) ** 2)
    above = sqrt((high_q - q) ** 2 + (p - low_p) ** 2)
    return q - p - below, q - p + above


def newcombe_paired(both: int, b: int, c: int, neither: int) -> tuple[float, float]:
    """The interval of a difference of two proportions of the same pictures.

    Newcombe 1998, "Improved confidence intervals for the difference between binomial proportions
    based on paired data", method 10: Wilson's limits of both, and their correlation. `both` and
    `neither` count the pictures that both models have right, or wrong. Unlike a bootstrap's it is
    no narrower where b or c is 0. Raises ValueError without pictures.
    """
    n = both + b + c + neither
    p, (low_p, high_p) = (both + b) / n, wilson(both + b, n)
    q, (low_q, high_q) = (both + c) / n, wilson(both + c, n)
    margins = (both + b) * (c + neither) * (both + c) * (b + neither)
    surplus = float(both * neither - b * c)
    surplus = max(surplus - n / 2, 0) if surplus > 0 else surplus
    phi = surplus / sqrt(margins) if margins else 0.0
    below = (q - low_q) ** 2 - 2 * phi * (q - low_q) * (high_p - p) + (high_p - p) ** 2
    above = (high_q - q) ** 2 - 2 * phi * (high_q - q) * (p - low_p) + (p - low_p) ** 2
    return q - p - sqrt(max(below, 0.0)), q - p + sqrt(max(above, 0.0))


def unpaired(first: tuple[int, int], second: tuple[int, int]) -> float:
    """The p-value of two proportions of different pictures, (right, n) each: Fisher's exact test.

    Two-sided: all tables with these sums that are no likelier than this one (Fisher 1935).
    """
    return _fisher(first, second, "two-sided")


def unpaired_worse(first: tuple[int, int], second: tuple[int, int]) -> float:
    """One-sided: how likely so small a second proportion is where both models are equally good."""
    return _fisher(first, second, "greater")


def _fisher(first: tuple[int, int], second: tuple[int, int], sides: str) -> float:
    from scipy.stats import fisher_exact

    table = [[first[0], first[1] - first[0]], [second[0], second[1] - second[0]]]
    return min(1.0, float(fisher_exact(table, alternative=sides).pvalue))


def mean_difference(first: Floats, second: Floats) -> tuple[float, float]:
    """The normal interval of the difference of two means over different pictures, (N,) and (M,)."""
    variance = sum(
        float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
        for values in (first, second)
    )
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * sqrt(variance)
    middle = float(second.mean() - first.mean())
    return middle - half, middle + half


def differences(
    first: Outcomes, second: Outcomes, draws: int = DRAWS, seed: int = SEED
) -> dict[str, tuple[float, float]]:
    """The interval of each of FIGURES' difference on the same pictures, by the paired bootstrap.

    Pictures are drawn anew with both their outcomes (Efron & Tibshirani 1993, chapter 8); of the
    draws, the middle LEVEL is the interval (percentiles). Equal seeds give equal intervals.
    """
    found = {name: np.empty(draws) for name in FIGURES}
    cells, kinds = np.unique(
        np.stack([first.labels, first.predicted, second.labels, second.predicted]),
        axis=1,
        return_inverse=True,
    )
    counters = (
        _Counter(cells[0], cells[1], first.classes),
        _Counter(cells[2], cells[3], second.classes),
    )
    kinds = kinds.ravel()
    per_picture = {"loss": second.losses - first.losses, "brier": second.briers - first.briers}
    for start, chosen in _drawn(len(first.labels), draws, seed):
        part = slice(start, start + len(chosen))
        counts = _counts(kinds[chosen], cells.shape[1])
        one, other = (counter.figures(counts) for counter in counters)
        for name, values in one.items():
            found[name][part] = other[name] - values
        for name, values in per_picture.items():
            found[name][part] = values[chosen].mean(axis=1)
    tail = (1 - LEVEL) / 2
    limits = {name: np.quantile(values, (tail, 1 - tail)) for name, values in found.items()}
    return {name: (float(low), float(high)) for name, (low, high) in limits.items()}


def calibration_interval(
    confidence: Floats, right: NDArray[np.bool_], draws: int = DRAWS, seed: int = SEED
) -> tuple[float, float]:
    """Of the expected calibration error of N pictures, `confidence` (N,) in [0, 1]; in [0, 1].

    Holds the true value in LEVEL of the cases at least. The error is the sum of the bins' distances
    from 0, which noise makes larger, so that percentiles of drawn errors miss it; it is off by no
    more than the bins together are, and LEVEL of the draws bound that. A bin without a mistake is
    drawn without one: at least what Wilson's intervals of the bins allow together is added (Zou &
    Donner 2008, "Construction of confidence limits about effect measures", MOVER).
    """
    images = len(confidence)
    places = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = confidence - right
    whole = np.bincount(places, weights=gaps, minlength=BINS)
    off = np.empty(draws)
    for start, chosen in _drawn(images, draws, seed):
        rows = np.arange(len(chosen))[:, None] * BINS
        cells, size = (places[chosen] + rows).ravel(), len(chosen) * BINS
        sums = np.bincount(cells, weights=gaps[chosen].ravel(), minlength=size).reshape(-1, BINS)
        off[start : start + len(chosen)] = np.abs(sums - whole).sum(axis=1) / images
    error, most = float(np.abs(whole).sum() / images), float(np.quantile(off, LEVEL))
    most = max(most, _off_by_wilson(places, right))
    return max(0.0, error - most), min(1.0, error + most)


def _off_by_wilson(places: Ints, right: NDArray[np.bool_]) -> float:
    """How far the bins' shares of right pictures may be off together, weighted by their size."""
    counts = np.bincount(places, minlength=BINS)
    hits = np.bincount(places, weights=right.astype(np.float64), minlength=BINS).astype(np.int64)
    off = 0.0
    for count, hit in zip(counts.tolist(), hits.tolist(), strict=True):
        if count:
            low, high = wilson(hit, count)
            off += (count / len(right) * max(hit / count - low, high - hit / count)) ** 2
    return sqrt(off)


def _drawn(images: int, draws: int, seed: int) -> Iterator[tuple[int, Ints]]:
    """The number of the first draw and pictures (D, N) of some draws at a time, up to `draws`."""
    generator = np.random.default_rng(seed)
    step = max(1, AT_ONCE // images)
    for start in range(0, draws, step):
        size = (min(step, draws - start), images)
        yield start, generator.integers(0, images, size, dtype=np.int64)


class _Counter:
    """Figures of drawn pictures, from how many of each kind there are."""

    def __init__(self, labels: Ints, predicted: Ints, classes: int) -> None:
        """`labels` and `predicted` (U,) of each kind of picture."""
        from scipy.sparse import csr_array

        def gathered(places: Ints, kept: NDArray[np.bool_]) -> "csr_array":
            kinds = np.flatnonzero(kept)
            ones = np.ones(len(kinds))
            return csr_array((ones, (places[kinds], kinds)), shape=(classes, len(places)))

        self.hits = gathered(labels, labels == predicted)
        self.given = gathered(predicted, np.ones(len(labels), dtype=bool))
        self.support = gathered(labels, np.ones(len(labels), dtype=bool))

    def figures(self, counts: Floats) -> Mapping[str, Floats]:
        """(D,) each, of counts (U, D)."""
        hits, given, support = ((m @ counts).T for m in (self.hits, self.given, self.support))
        there = support > 0
        recall = agreement.ratio(hits, support)
        return {
            "accuracy": hits.sum(axis=1) / support.sum(axis=1),
            "balanced_accuracy": recall.sum(axis=1) / there.sum(axis=1),
            "macro_f1": agreement.ratio(2 * hits, given + support).mean(axis=1),
        }


def _counts(kinds: Ints, number: int) -> Floats:
    """(number, D) how often each kind is in each row of kinds (D, N)."""
    rows = np.arange(len(kinds))[:, None] * number
    found = np.bincount((kinds + rows).ravel(), minlength=len(kinds) * number)
    return found.reshape(len(kinds), number).T.astype(np.float64)
