"""Pictures whose label may be wrong, by confident learning."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cnn_cli.engine.predict import Predictions

MOST = 50
"""Suspects that are listed."""


def suspects(predictions: "Predictions") -> dict[str, Any]:
    """`count` and the likeliest label errors among pictures that the model was not trained on.

    Northcutt, Jiang & Chuang 2021, "Confident Learning", section 3.1: a class claims a picture that
    it gives at least the mean probability its own pictures have. A picture is a suspect where the
    likeliest of the classes that claim it is not its own; in the order of the margin between the
    two.
    """
    chances, labels = predictions.probabilities, predictions.labels
    rows, classes = np.arange(len(labels)), len(predictions.classes)
    sums = np.bincount(labels, weights=chances[rows, labels], minlength=classes)
    counts = np.bincount(labels, minlength=classes)
    usual = np.divide(sums, counts, out=np.full(classes, np.inf), where=counts > 0)
    claimed = np.where(chances >= usual, chances, 0.0)
    claimant = claimed.argmax(axis=1)
    suspect = (claimed.max(axis=1) > 0) & (claimant != labels)
    margin = chances[rows, claimant] - chances[rows, labels]
    order = np.flatnonzero(suspect)
    order = order[np.argsort(-margin[order], kind="stable")]
    return {
        "count": len(order),
        "listed": [
            {
                "picture": predictions.names[index],
                "label": predictions.classes[labels[index]],
                "suggested": predictions.classes[claimant[index]],
                "label_probability": float(chances[index, labels[index]]),
                "suggested_probability": float(chances[index, claimant[index]]),
            }
            for index in order[:MOST].tolist()
        ],
    }
