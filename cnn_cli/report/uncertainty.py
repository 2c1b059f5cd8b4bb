"""The interval of every headline figure: how far another test set of this size might be off."""

from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_cli.report import agreement
from cnn_cli.report.intervals import LEVEL, wilson
from cnn_cli.report.resampling import intervals

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RESAMPLED = {
    "balanced_accuracy": agreement.balanced_accuracy,
    "macro_precision": agreement.macro_precision,
    "macro_recall": agreement.macro_recall,
    "macro_f1": agreement.macro_f1,
    "weighted_f1": agreement.weighted_f1,
    "kappa": agreement.kappa,
    "mcc": agreement.mcc,
}
"""Figures that are no proportions of pictures."""


def headline_intervals(
    counts: Ints, top5_right: int, losses: Floats, briers: Floats
) -> tuple[dict[str, list[float]], list[dict[str, list[float]]]]:
    """[low, high] by figure, and for each class of its precision, recall and F1.

    Proportions have Wilson's; means over the pictures (`losses` and `briers`, (N,)) the normal one;
    all else that of confusion matrices whose rows are drawn anew (report.resampling). F1 of a class
    without any mistake is 2J / (1 + J) of the share J that is right of the pictures that are of it
    or were taken for it, and J is a proportion: few are drawn with a mistake.
    """
    images, right = int(counts.sum()), int(counts.diagonal().sum())
    found = intervals(counts, {**RESAMPLED, "f1": agreement.f1})
    each = found.pop("f1").T.tolist()
    headline = {name: values.tolist() for name, values in found.items()}
    headline["accuracy"] = headline["micro_f1"] = list(wilson(right, images))
    headline["top5_accuracy"] = list(wilson(top5_right, images))
    headline["loss"], headline["brier"] = mean_interval(losses), mean_interval(briers)
    return headline, _of_classes(counts, each)


def _of_classes(counts: Ints, f1: list[list[float]]) -> list[dict[str, list[float]]]:
    rows = zip(counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0), f1, strict=True)
    return [
        _of_class(int(hits), int(support), int(given), own) for hits, support, given, own in rows
    ]


def _of_class(hits: int, support: int, given: int, drawn: list[float]) -> dict[str, list[float]]:
    unknown = [0.0, 1.0]
    precision = list(wilson(hits, given)) if given else unknown
    recall = list(wilson(hits, support)) if support else unknown
    if hits == support == given and support:
        drawn = [2 * j / (1 + j) for j in recall]
    return {"precision": precision, "recall": recall, "f1": drawn if support else unknown}


def mean_interval(values: Floats) -> list[float]:
    """Of the mean of (N,) values that are not negative, most of them small and a few large.

    The normal interval with its skewness taken out (Hall 1992, "On the Removal of Skewness by
    Transformation"): losses are skewed by the few pictures that are wrong. Of fewer than about
    five, no interval can say how wrong the next one will be.
    """
    mean, images = float(values.mean()), len(values)
    spread = float(values.std())
    if images < 2 or spread <= mean * np.finfo(np.float64).eps:
        return [mean, mean]
    skew = float((((values - mean) / spread) ** 3).mean()) / sqrt(images)
    scale = spread / sqrt(images - 1)
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    low, high = (mean - scale * _unskewed(side, skew) for side in (z, -z))
    return [max(0.0, min(low, mean)), max(high, mean)]


def _unskewed(value: float, skew: float) -> float:
    """Where a statistic of that skewness (over the root of n) has the normal quantile `value`."""
    if abs(skew) < 1e-9:
        return value
    return 3 / skew * (float(np.cbrt(1 + skew * (value - skew / 6))) - 1)


def baselines(support: Ints, classes: tuple[str, ...]) -> dict[str, Any]:
    """What one reaches without looking: the largest class always, and any class by chance."""
    largest, images = int(support.argmax()), int(support.sum())
    return {
        "majority": {"class": classes[largest], "accuracy": int(support[largest]) / images},
        "random": {"accuracy": 1 / len(classes)},
    }
