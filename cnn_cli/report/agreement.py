"""Figures of a confusion matrix, for one matrix or for many that were drawn.

All take hits (D, K) and predictions of each class (D, K) of D matrices, and the pictures of each
class (K,), which they share. What would be divided by nothing is 0, as in scikit-learn.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def precision(hits: Floats, given: Floats, support: Ints) -> Floats:  # noqa: ARG001 (a figure)
    """(D, K): share of the predictions of a class that are right."""
    return ratio(hits, given)


def recall(hits: Floats, given: Floats, support: Ints) -> Floats:  # noqa: ARG001 (a figure)
    """(D, K): share of the pictures of a class that are found."""
    return ratio(hits, np.broadcast_to(support, hits.shape))


def f1(hits: Floats, given: Floats, support: Ints) -> Floats:
    """(D, K): harmonic mean of precision and recall."""
    return ratio(2 * hits, given + support)


def macro_precision(hits: Floats, given: Floats, support: Ints) -> Floats:
    """(D,): mean over all classes."""
    return np.asarray(precision(hits, given, support).mean(axis=1))


def macro_f1(hits: Floats, given: Floats, support: Ints) -> Floats:
    """(D,): mean over all classes."""
    return np.asarray(f1(hits, given, support).mean(axis=1))


def macro_recall(hits: Floats, given: Floats, support: Ints) -> Floats:
    """(D,): mean over all classes, one without pictures counting 0."""
    return np.asarray(recall(hits, given, support).mean(axis=1))


def balanced_accuracy(hits: Floats, given: Floats, support: Ints) -> Floats:
    """(D,): mean recall of the classes that have pictures."""
    return np.asarray(recall(hits, given, support)[:, support > 0].mean(axis=1))


def weighted_f1(hits: Floats, given: Floats, support: Ints) -> Floats:
    """(D,): mean F1 over the pictures, each with that of its class."""
    return np.asarray(f1(hits, given, support) @ support / support.sum())


def kappa(hits: Floats, given: Floats, support: Ints) -> Floats:
    """(D,): agreement beyond that of chance with the same numbers (Cohen 1960)."""
    total = support.sum()
    chance = given @ support / total**2
    return ratio(hits.sum(axis=1) / total - chance, 1 - chance)


def mcc(hits: Floats, given: Floats, support: Ints) -> Floats:
    """(D,): correlation of labels and predictions (Gorodkin 2004), 0 where either is constant."""
    total = float(support.sum())
    both = hits.sum(axis=1) * total - given @ support
    spread = (total**2 - (given**2).sum(axis=1)) * (total**2 - float((support**2).sum()))
    return ratio(both, np.sqrt(np.maximum(spread, 0)))


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros(part.shape), where=np.asarray(whole > 0))
