"""How well the probabilities of one class rank its pictures before the others."""

from math import exp, log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from cnn_cli.report.intervals import LEVEL

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def roc_auc(scores: Floats, positive: Bools) -> tuple[float, float] | None:
    """Area under the ROC curve of scores (N,), and its standard error; None without both kinds.

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
    variance = _variance(above) / ones + _variance(below) / zeros
    return area, sqrt(variance)


def auc_interval(area: float, error: float) -> tuple[float, float]:
    """In [0, 1], symmetric on the logit scale (Pepe 2003, section 5.2.4): areas near 1 are skewed.

    An area of 0 or 1 has an error of 0 and the interval of a single point.
    """
    if error == 0 or not 0 < area < 1:
        return area, area
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * error / (area * (1 - area))
    middle = log(area / (1 - area))
    return _logistic(middle - half), _logistic(middle + half)


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
