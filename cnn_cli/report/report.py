"""What predictions are worth: every figure of the report, computed from them and nothing else."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnn_cli.errors import TrainingError, UserError
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


def metrics(predictions: "Predictions") -> dict[str, Any]:
    """All figures of the report as plain JSON; equal predictions give equal values.

    Shares are in [0, 1], `loss` is the mean negative log-likelihood in nats. Macro figures average
    over all classes, one without pictures counting 0; `balanced_accuracy` averages the recall over
    the classes that have pictures. Both are as in scikit-learn with all labels and zero_division=0.

    Raises UserError where there is no picture, TrainingError where a probability is not finite.
    """
    _check(predictions)
    counts = confusion_counts(predictions.labels, predictions.predicted, len(predictions.classes))
    support, hits = counts.sum(axis=1), counts.diagonal()
    precision, recall = _ratio(hits, counts.sum(axis=0)), _ratio(hits, support)
    f1 = _ratio(2 * hits, support + counts.sum(axis=0))
    return {
        "images": len(predictions.labels),
        "accuracy": predictions.accuracy,
        "top5_accuracy": _top_accuracy(predictions, 5),
        "loss": predictions.loss + 0.0,  # turns -0.0 into 0.0
        "balanced_accuracy": _mean(recall[support > 0]),
        "macro_precision": _mean(precision),
        "macro_recall": _mean(recall),
        "macro_f1": _mean(f1),
        "weighted_f1": math.fsum(f1 * support) / len(predictions.labels),
        "per_class": _per_class(predictions.classes, precision, recall, f1, support),
        "confusion": counts.tolist(),
        "most_confused": most_confused(counts, predictions.classes, MOST_CONFUSED),
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


def _ratio(part: Ints, whole: Ints) -> Floats:
    """part / whole, 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros(part.shape), where=np.asarray(whole > 0))


def _mean(values: Floats) -> float:
    """Rounded once, whatever the order of the sum, so that reports are equal in every byte."""
    return math.fsum(values) / len(values)


def _top_accuracy(predictions: "Predictions", k: int) -> float:
    """Share of pictures whose class is among the k likeliest; ties go to the class named first."""
    rows = np.arange(len(predictions.labels))
    true = predictions.probabilities[rows, predictions.labels][:, None]
    earlier = np.arange(len(predictions.classes)) < predictions.labels[:, None]
    ahead = (predictions.probabilities > true) | ((predictions.probabilities == true) & earlier)
    return int((ahead.sum(axis=1) < k).sum()) / len(rows)


def _per_class(
    classes: tuple[str, ...], precision: Floats, recall: Floats, f1: Floats, support: Ints
) -> list[dict[str, Any]]:
    columns = (precision.tolist(), recall.tolist(), f1.tolist(), support.tolist())
    return [
        {"name": name, "precision": p, "recall": r, "f1": f, "support": s}
        for name, p, r, f, s in zip(classes, *columns, strict=True)
    ]
