"""Whether probabilities mean what they say: of pictures at 80 %, are 80 % right?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BINS = 15
"""Of equal width between 0 and 1 (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""
COVERAGES = 20
"""Parts of the pictures, the surest first, of which the accuracy is told."""


def bins(confidence: Floats, right: Bools | Floats) -> list[dict[str, Any]]:
    """What each bin holds, from 0 to 1; empty bins have `images` 0 and no means.

    `confidence` (N,) in [0, 1]; `right` (N,) whether, or how far, that came true.
    """
    places = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    sums = np.bincount(places, weights=confidence, minlength=BINS)
    hits = np.bincount(places, weights=np.asarray(right, dtype=np.float64), minlength=BINS)
    return [
        {
            "from": place / BINS,
            "to": (place + 1) / BINS,
            "images": int(counts[place]),
            "confidence": float(sums[place] / counts[place]) if counts[place] else None,
            "accuracy": float(hits[place] / counts[place]) if counts[place] else None,
        }
        for place in range(BINS)
    ]


def expected_error(found: list[dict[str, Any]]) -> float:
    """Gap between confidence and accuracy of the bins, in [0, 1], weighted by their pictures."""
    total = sum(part["images"] for part in found)
    filled = [part for part in found if part["images"]]
    gaps = (part["images"] * abs(part["confidence"] - part["accuracy"]) for part in filled)
    return float(sum(gaps) / total)


def surety(probabilities: Floats, labels: Ints) -> dict[str, float]:
    """`loss`, the mean negative log-likelihood in nats, and `ece` of (N, K) probabilities."""
    own = probabilities[np.arange(len(labels)), labels]
    right = probabilities.argmax(axis=1) == labels
    return {
        "loss": float(-np.log(np.maximum(own, np.finfo(np.float64).tiny)).mean()),
        "ece": expected_error(bins(probabilities.max(axis=1), right)),
    }


def classwise_error(probabilities: Floats, labels: Ints) -> float:
    """The expected error of each class's own probability, averaged over the classes.

    Kull et al. 2019, "Beyond temperature scaling": also the small probabilities have to be right.
    """
    images, classes = probabilities.shape
    places = np.clip(np.ceil(probabilities * BINS).astype(int) - 1, 0, BINS - 1)
    cells = (places + BINS * np.arange(classes)).ravel()
    sums = np.bincount(cells, weights=probabilities.ravel(), minlength=BINS * classes)
    own = places[np.arange(images), labels] + BINS * labels
    hits = np.bincount(own, minlength=BINS * classes)
    return float(np.abs(sums - hits).sum() / images / classes)


def coverage(confidence: Floats, right: Bools) -> list[dict[str, float]]:
    """Accuracy of the surest part of the pictures, for parts up to all of them.

    `threshold` is the least confidence in the part: what `predict` would have to ask for.
    """
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    found = []
    for part in range(1, COVERAGES + 1):
        count = max(1, round(len(order) * part / COVERAGES))
        found.append(
            {
                "coverage": count / len(order),
                "accuracy": float(hits[count - 1] / count),
                "threshold": float(confidence[order[count - 1]]),
            }
        )
    return found
