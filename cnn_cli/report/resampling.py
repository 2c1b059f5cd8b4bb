"""Intervals of figures that are no proportions: the rows of the confusion matrix drawn anew."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from cnn_cli.report.intervals import LEVEL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 2000
"""Matrices that are drawn."""
SEED = 0
"""Of their numbers, so that equal predictions have equal intervals."""


def draw_rows(counts: Ints, draws: int = DRAWS) -> tuple[Floats, Floats]:
    """Hits (draws, K) and predictions of each class (draws, K) of matrices like `counts` (K, K).

    Every true class keeps its number of pictures; where they go is drawn from its own row. Only
    cells that hold something are drawn, which 1,000 classes need.
    """
    generator = np.random.default_rng(SEED)
    classes = len(counts)
    hits, given = np.zeros((draws, classes)), np.zeros((draws, classes))
    for row in range(classes):
        cells = np.flatnonzero(counts[row])
        if not len(cells):
            continue
        pictures = int(counts[row].sum())
        drawn = generator.multinomial(pictures, counts[row, cells] / pictures, size=draws)
        given[:, cells] += drawn
        place = np.searchsorted(cells, row)
        if place < len(cells) and cells[place] == row:
            hits[:, row] = drawn[:, place]
    return hits, given


def intervals(
    counts: Ints,
    figures: Mapping[str, Callable[[Floats, Floats, Ints], Floats]],
    draws: int = DRAWS,
) -> dict[str, Floats]:
    """Name -> (2,) or (2, K): between which values LEVEL of the drawn matrices have the figure.

    A figure takes hits and predictions (draws, K), and the pictures of each class (K,).
    """
    hits, given = draw_rows(counts, draws)
    support, tail = counts.sum(axis=1), (1 - LEVEL) / 2
    found = {}
    for name, figure in figures.items():
        values = figure(hits, given, support)
        found[name] = np.quantile(values, (tail, 1 - tail), axis=0)
    return found
