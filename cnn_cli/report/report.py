"""What predictions are worth: every figure of the report, computed from them and nothing else."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnn_cli.errors import TrainingError, UserError
from cnn_cli.report import agreement
from cnn_cli.report.calibration import bins, classwise_error, coverage, expected_error
from cnn_cli.report.paired import calibration_interval
from cnn_cli.report.ranking import (
    Area,
    auc_interval,
    average_precision,
    mean_auc_interval,
    roc_auc,
)
from cnn_cli.report.suspects import suspects
from cnn_cli.report.uncertainty import RESAMPLED, baselines, headline_intervals
from cnn_cli.visualize.confusion import confused_pairs, confusion_counts

if TYPE_CHECKING:
    from cnn_cli.engine.predict import Predictions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_CONFUSED = 10


@dataclass(frozen=True)
class Report:
    """`metrics` can be recomputed from the predictions; `cost` and `provenance` tell of the run.

    All three hold plain JSON values. Only `metrics` is the same for every evaluation of one model.
    """

    metrics: Mapping[str, Any]
    cost: Mapping[str, Any]
    provenance: Mapping[str, Any]
    slices: Sequence[Mapping[str, Any]] = ()
    """report.slices of pictures by what they look like, and of a user's table"""


def metrics(predictions: "Predictions") -> dict[str, Any]:
    """All figures of the report as plain JSON; equal predictions give equal values.

    Shares are in [0, 1], `loss` is the mean negative log-likelihood in nats, `brier` the mean
    squared distance of the probabilities from the truth, in [0, 2]. Macro figures average over all
    classes, one without pictures counting 0; `balanced_accuracy` averages the recall over the
    classes that have pictures. Both are as in scikit-learn with all labels and zero_division=0.
    `roc_auc` and `average_precision`, each class against the rest, average over the classes that
    have them. `intervals` are of 95 %: see report.uncertainty.

    Raises UserError where there is no picture, TrainingError where a probability is not finite.
    """
    _check(predictions)
    counts = confusion_counts(predictions.labels, predictions.predicted, len(predictions.classes))
    support, images = counts.sum(axis=1), len(predictions.labels)
    hits, given = counts.diagonal()[None].astype(float), counts.sum(axis=0)[None].astype(float)
    figures = {name: float(figure(hits, given, support)[0]) for name, figure in RESAMPLED.items()}
    top5, losses, briers = _top_right(predictions, 5), _losses(predictions), _briers(predictions)
    intervals, each = headline_intervals(counts, int(top5.sum()), losses, briers)
    per_class, areas = _per_class(predictions, hits, given, support, each)
    if areas:
        intervals["roc_auc"] = list(mean_auc_interval(areas))
    return {
        "images": images,
        "accuracy": predictions.accuracy,
        "micro_f1": predictions.accuracy,  # the same, where each picture has one class
        "top5_accuracy": int(top5.sum()) / images,
        "loss": predictions.loss + 0.0,  # turns -0.0 into 0.0
        "brier": _mean(briers),
        **figures,
        "roc_auc": _mean_of_known(per_class, "roc_auc"),
        "average_precision": _mean_of_known(per_class, "average_precision"),
        "intervals": intervals,
        "baselines": baselines(support, predictions.classes),
        "calibration": _calibration(predictions),
        "per_class": per_class,
        "confusion": counts.tolist(),
        "most_confused": most_confused(counts, predictions.classes, MOST_CONFUSED),
        "suspects": suspects(predictions),
    }


def most_confused(counts: Ints, classes: tuple[str, ...], limit: int) -> list[dict[str, Any]]:
    """The pairs mistaken most often, by count, then by share of the true class."""
    support = counts.sum(axis=1)
    return [
        {
            "true": classes[true],
            "predicted": classes[predicted],
            "count": int(counts[true, predicted]),
            "share": int(counts[true, predicted]) / int(support[true]),
        }
        for true, predicted in confused_pairs(counts, limit)
    ]


def _check(predictions: "Predictions") -> None:
    if not len(predictions.labels):
        raise UserError("split: has no pictures to evaluate; choose another one")
    broken = np.flatnonzero(~np.isfinite(predictions.probabilities.sum(axis=1)))
    if len(broken):
        first, images = predictions.names[int(broken[0])], len(predictions.labels)
        raise TrainingError(
            f"the model's output is not finite for {len(broken)} of {images} pictures, "
            f"the first of them {first}"
        )


def _mean(values: Floats) -> float:
    """Rounded once, whatever the order of the sum, so that reports are equal in every byte."""
    return math.fsum(values) / len(values)


def _mean_of_known(rows: list[dict[str, Any]], name: str) -> float | None:
    known = [row[name] for row in rows if row[name] is not None]
    return math.fsum(known) / len(known) if known else None


def _losses(predictions: "Predictions") -> Floats:
    """(N,) negative log-likelihood of each picture's class, in nats."""
    chosen = predictions.probabilities[np.arange(len(predictions.labels)), predictions.labels]
    found: Floats = -np.log(np.maximum(chosen, np.finfo(np.float64).tiny))
    return found


def _briers(predictions: "Predictions") -> Floats:
    """(N,) squared distance of the probabilities from 1 for the class and 0 for the others."""
    chosen = predictions.probabilities[np.arange(len(predictions.labels)), predictions.labels]
    found: Floats = (predictions.probabilities**2).sum(axis=1) + 1 - 2 * chosen
    return found


def _calibration(predictions: "Predictions") -> dict[str, Any]:
    confidence = predictions.probabilities.max(axis=1)
    right = predictions.predicted == predictions.labels
    parts = bins(confidence, right)
    return {
        "ece": expected_error(parts),
        "ece_interval": list(calibration_interval(confidence, right)),
        "classwise_ece": classwise_error(predictions.probabilities, predictions.labels),
        "bins": parts,
        "coverage": coverage(confidence, right),
    }


def _top_right(predictions: "Predictions", k: int) -> NDArray[np.bool_]:
    """(N,): the class is among the k likeliest; ties go to the class named first."""
    rows = np.arange(len(predictions.labels))
    true = predictions.probabilities[rows, predictions.labels][:, None]
    earlier = np.arange(len(predictions.classes)) < predictions.labels[:, None]
    ahead = (predictions.probabilities > true) | ((predictions.probabilities == true) & earlier)
    found: NDArray[np.bool_] = ahead.sum(axis=1) < k
    return found


def _per_class(
    predictions: "Predictions",
    hits: Floats,
    given: Floats,
    support: Ints,
    intervals: list[dict[str, list[float]]],
) -> tuple[list[dict[str, Any]], list[Area]]:
    """The rows, and the areas of the classes that have one."""
    figures = {"precision": agreement.precision, "recall": agreement.recall, "f1": agreement.f1}
    columns = {name: figure(hits, given, support)[0] for name, figure in figures.items()}
    rows, areas = [], []
    for place, name in enumerate(predictions.classes):
        scores, positive = predictions.probabilities[:, place], predictions.labels == place
        area = roc_auc(scores, positive)
        areas += [area] if area else []
        between = {**intervals[place], "roc_auc": list(auc_interval(area)) if area else None}
        rows.append(
            {
                "name": name,
                **{key: float(values[place]) for key, values in columns.items()},
                "support": int(support[place]),
                "roc_auc": area.area if area else None,
                "average_precision": average_precision(scores, positive),
                "intervals": between,
            }
        )
    return rows, areas
