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
    all else that of confusion matrices whose rows are drawn anew (report.resampling).
    """
    images, right = int(counts.sum()), int(counts.diagonal().sum())
    found = intervals(counts, {**RESAMPLED, "f1": agreement.f1})
    each = found.pop("f1")
    headline = {name: values.tolist() for name, values in found.items()}
    headline["accuracy"] = headline["micro_f1"] = list(wilson(right, images))
    headline["top5_accuracy"] = list(wilson(top5_right, images))
    headline["loss"], headline["brier"] = mean_interval(losses), mean_interval(briers)
    return headline, _of_classes(counts, each)


def _of_classes(counts: Ints, f1: Floats) -> list[dict[str, list[float]]]:
    hits, support, given = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    unknown = [0.0, 1.0]
    return [
        {
            "precision": list(wilson(int(h), int(g))) if g else unknown,
            "recall": list(wilson(int(h), int(s))) if s else unknown,
            "f1": f1[:, place].tolist() if s else unknown,
        }
        for place, (h, s, g) in enumerate(zip(hits, support, given, strict=True))
    ]


def mean_interval(values: Floats) -> list[float]:
    """Of the mean of (N,) values that are not negative."""
    mean = float(values.mean())
    if len(values) < 2:
        return [mean, mean]
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * sqrt(float(values.var(ddof=1)) / len(values))
    return [max(0.0, mean - half), mean + half]


def baselines(support: Ints, classes: tuple[str, ...]) -> dict[str, Any]:
    """What one reaches without looking: the largest class always, and any class by chance."""
    largest, images = int(support.argmax()), int(support.sum())
    return {
        "majority": {"class": classes[largest], "accuracy": int(support[largest]) / images},
        "random": {"accuracy": 1 / len(classes)},
    }
