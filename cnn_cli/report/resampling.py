"""Intervals of figures that are no proportions: the rows of the confusion matrix drawn anew."""

from collections.abc import Callable, Mapping
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from cnn_cli.report.intervals import LEVEL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 2000
"""Matrices that are drawn."""
MORE = NormalDist().inv_cdf((1 + LEVEL) / 2) ** 2
"""Pictures that are counted in addition."""
SIGNED = ("kappa", "mcc")
LEAST = (0.0, -1.0)
"""Smallest value of a figure, and of one of SIGNED."""
SEED = 0
"""Of their numbers, so that equal predictions have equal intervals."""


def draw_rows(counts: Ints, draws: int = DRAWS, more: float = MORE) -> tuple[Floats, Floats]:
    """Hits (draws, K) and predictions of each class (draws, K) of matrices like `counts` (K, K).

    Every true class keeps its number of pictures; where they go is drawn from its own row. As if
    `more` (z^2 = 3.84) pictures more had been seen, half of them right, shared out by the classes'
    sizes (Agresti & Coull 1998): one who made no mistake in 30 pictures may make one in the next
    30. Only cells that hold something are drawn, which 1,000 classes need.
    """
    generator = np.random.default_rng(SEED)
    classes, images = len(counts), int(counts.sum())
    if classes == 1:  # there is nothing else to be taken for
        whole = np.full((draws, 1), float(images))
        return whole, whole.copy()
    hits, given = np.zeros((draws, classes)), np.zeros((draws, classes))
    errors = counts.sum(axis=0) - counts.diagonal()
    for row in np.flatnonzero(counts.sum(axis=1)).tolist():
        wrong = _wrong_cells(counts[row], row, errors)
        pictures = int(counts[row].sum())
        extra = more * pictures / images
        own = counts[row, wrong].astype(np.float64)
        own += extra / 2 * (own / own.sum() if own.sum() else 1 / len(own))
        chances = np.append(own, counts[row, row] + extra / 2)
        drawn = generator.multinomial(pictures, chances / chances.sum(), size=draws)
        given[:, wrong] += drawn[:, :-1]
        given[:, row] += drawn[:, -1]
        hits[:, row] = drawn[:, -1]
    return hits, given


def _wrong_cells(counts: Ints, row: int, errors: Ints) -> Ints:
    """Columns that pictures of the class were taken for; where none was, the one most often wrong.

    Without any mistake it is the next one.
    """
    found: Ints = np.flatnonzero(counts * (np.arange(len(counts)) != row))
    if len(found):
        return found
    others = errors.copy()
    others[row] = -1
    return np.array([(row + 1) % len(counts)] if others.max() == 0 else [int(others.argmax())])


def intervals(
    counts: Ints,
    figures: Mapping[str, Callable[[Floats, Floats, Ints], Floats]],
    draws: int = DRAWS,
) -> dict[str, Floats]:
    """Name -> (2,) or (2, K): between which values LEVEL of the drawn matrices have the figure; its
    own value is always inside.

    Of many classes with a few pictures each, matrices that are drawn from a drawn one have other
    figures altogether (precision rises as rare mistakes are not drawn). Where draws without `more`
    lie beside the figure by half of what they scatter, that is taken off, and the interval is the
    normal one (Efron & Tibshirani 1993, section 10.6).

    A figure takes hits and predictions (draws, K), and the pictures of each class (K,).
    """
    hits, given = draw_rows(counts, draws)
    plain = draw_rows(counts, draws // 4, more=0.0)
    own_hits, own_given = counts.diagonal()[None].astype(float), counts.sum(axis=0)[None] * 1.0
    support, tail = counts.sum(axis=1), (1 - LEVEL) / 2
    found = {}
    for name, figure in figures.items():
        values = figure(hits, given, support)
        low, high = np.quantile(values, (tail, 1 - tail), axis=0)
        own = figure(own_hits, own_given, support)[0]
        aside, scatter = figure(*plain, support).mean(axis=0) - own, values.std(axis=0)
        beside, half = np.abs(aside) > scatter / 2, sqrt(MORE) * scatter
        low = np.where(beside, np.maximum(own - aside - half, LEAST[name in SIGNED]), low)
        high = np.where(beside, np.minimum(own - aside + half, 1.0), high)
        found[name] = np.array([np.minimum(low, own), np.maximum(high, own)])
    return found
