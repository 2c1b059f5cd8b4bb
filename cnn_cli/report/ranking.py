"""How well the probabilities of one class rank its pictures before the others."""

from collections.abc import Sequence
from math import exp, log, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnn_cli.report.intervals import LEVEL

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FEW = 20
"""Misplaced pictures below which DeLong's error is too rough by itself."""


class Area(NamedTuple):
    """Area under a ROC curve, and what its interval needs."""

    area: float
    error: float
    """standard error"""
    positives: int
    negatives: int
    misplaced: int
    """of the kind that has fewer of them: pictures that stand on the wrong side of another (or, of
    areas near 0, on the right one)"""
    influence: Floats
    """(N,) how far each picture moves the area; their squares sum to error squared"""


def roc_auc(scores: Floats, positive: Bools) -> Area | None:
    """The area under the ROC curve of scores (N,); None without both kinds.

    The share of pairs of a positive and a negative picture that are in order, a tie a half. The
    error is DeLong, DeLong & Clarke-Pearson 1988's, by the midranks of Sun & Xu 2014.
    """
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return None
    ranks = midranks(scores)
    above = (ranks[positive] - midranks(scores[positive])) / zeros  # negatives below each positive
    below = 1 - (ranks[~positive] - midranks(scores[~positive])) / ones
    area = float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))
    error = sqrt(_variance(above) / ones + _variance(below) / zeros)
    sides = (above < 1, below < 1, above > 0, below > 0)  # the last two where areas are near 0
    misplaced = min(int(side.sum()) for side in sides)
    influence = np.empty(len(scores))
    influence[positive] = (above - area) / sqrt(ones * max(ones - 1, 1))
    influence[~positive] = (below - area) / sqrt(zeros * max(zeros - 1, 1))
    return Area(area, error, ones, zeros, misplaced, influence)


def auc_interval(found: Area) -> tuple[float, float]:
    """In [0, 1], symmetric on the logit scale (Pepe 2003, section 5.2.4): areas near 1 are skewed.

    DeLong's error is itself an estimate, of nothing where no picture is misplaced; with fewer than
    FEW the interval also holds that of Newcombe 2006 ("Confidence intervals for an effect size
    measure based on the Mann-Whitney statistic", method 5), which never is a single point.
    """
    own = _on_the_logit_scale(found.area, found.error)
    if found.misplaced >= FEW:
        return own
    low, high = _newcombe(found)
    return min(own[0], low), max(own[1], high)


def mean_auc_interval(found: Sequence[Area]) -> tuple[float, float]:
    """Of the mean area of several classes of the same pictures.

    DeLong's error of all areas together, with their covariances; and at least what the classes' own
    intervals allow together (Zou & Donner 2008, "Construction of confidence limits about effect
    measures", MOVER), which know of classes where few pictures are misplaced.
    """
    areas = np.array([one.area for one in found])
    mean, limits = float(areas.mean()), np.array([auc_interval(one) for one in found])
    moved = sum((one.influence for one in found), np.zeros(1)) / len(found)
    low, high = _on_the_logit_scale(mean, sqrt(float((moved**2).sum())))
    below, above = (float(np.sqrt(((areas - limits[:, side]) ** 2).sum())) for side in (0, 1))
    low, high = min(low, mean - below / len(found)), max(high, mean + above / len(found))
    return max(0.0, low), min(1.0, high)


def _on_the_logit_scale(area: float, error: float) -> tuple[float, float]:
    if error == 0 or not 0 < area < 1:
        return area, area
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * error / (area * (1 - area))
    middle = log(area / (1 - area))
    return _logistic(middle - half), _logistic(middle + half)


def _newcombe(found: Area) -> tuple[float, float]:
    """The areas that lie as far from the one that was found as their own error allows."""
    z, pairs = NormalDist().inv_cdf((1 + LEVEL) / 2), found.positives * found.negatives
    more = (found.positives + found.negatives) / 2 - 1

    def reach(area: float) -> float:
        spread = 1 + more * (1 - area) / (2 - area) + more * area / (1 + area)
        return z * sqrt(area * (1 - area) * spread / pairs)

    low, high = found.area, found.area
    for width in (0.5**step for step in range(1, 40)):  # by halves, outwards as far as allowed
        low = low - width if low - width + reach(max(low - width, 0.0)) > found.area else low
        high = high + width if high + width - reach(min(high + width, 1.0)) < found.area else high
    return max(0.0, low), min(1.0, high)


def average_precision(scores: Floats, positive: Bools) -> float | None:
    """Mean of the precision at each threshold, weighted by the recall it adds; None without any.

    As in scikit-learn: no interpolation, equal scores are one threshold.
    """
    if not positive.any():
        return None
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(positive[order])
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    precision, recall = hits[last] / (last + 1), hits[last] / hits[-1]
    return float((precision * np.diff(recall, prepend=0.0)).sum())


def midranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing the mean of theirs."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    ends = np.append(starts[1:], len(values))
    found = np.empty(len(values))
    found[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return found


def _variance(values: Floats) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0


def _logistic(value: float) -> float:
    return 1 / (1 + exp(-value)) if value > -700 else 0.0
