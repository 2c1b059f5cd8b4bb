"""Pictures that a data set has twice, side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from cnn_cli.data.contract import Dataset
from cnn_cli.visualize.pictures import displayed, show
from cnn_cli.visualize.style import (
    HEADER,
    MARGIN,
    ORANGE,
    QUIET,
    new_figure,
    panel,
    shortened,
    style,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Place = tuple[str, int]
"""Split and index of a picture."""

TILE, GAP, LABEL, APART = 1.5, 0.1, 0.42, 0.55
COLUMNS = 3
"""Pairs in a row."""
MOST = 12
LETTERS = 26


def draw_duplicates(
    dataset: Dataset, pairs: Sequence[tuple[Place, Place, str]], title: str
) -> "Figure":
    """The first MOST `pairs`, each with what it is (equal, nearly equal), split, class and name."""
    shown = pairs[:MOST]
    rows = -(-len(shown) // COLUMNS)
    columns = min(COLUMNS, len(shown))
    wide = 2 * MARGIN + columns * (2 * TILE + GAP) + (columns - 1) * APART
    tall = HEADER + rows * (TILE + LABEL + 0.3) + 0.1
    more = f" · the first {MOST} of {len(pairs):,} pairs" if len(pairs) > MOST else ""
    with style():
        figure = new_figure(max(wide, 6.0), tall, "Equal and nearly equal pictures", title + more)
        for number, (one, other, what) in enumerate(shown):
            row, column = divmod(number, COLUMNS)
            top = HEADER + 0.3 + row * (TILE + LABEL + 0.3)
            left = MARGIN + column * (2 * TILE + GAP + APART)
            for place, (split, index) in enumerate((one, other)):
                axes = panel(figure, left + place * (TILE + GAP), top, TILE, TILE)
                pictures = {"train": dataset.train, "val": dataset.val, "test": dataset.test}[split]
                batch = pictures.take(torch.tensor([index]))
                show(axes, displayed(batch.images[0]))
                name = dataset.classes[int(batch.labels[0])]
                file = pictures.names[index].rpartition("/")[2]
                text = f"{split} · {shortened(name, 14)}\n{shortened(file, LETTERS)}"
                axes.set_xlabel(text, fontsize=8, color=QUIET, labelpad=3)
                if place == 0:
                    colour = ORANGE if one[0] != other[0] else QUIET
                    axes.set_title(what, fontsize=9, color=colour, loc="left", pad=4)
        return figure
