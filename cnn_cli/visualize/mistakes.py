"""The mistakes that the model is surest of: often a wrong label, or a picture worth a look."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from cnn_cli.errors import UserError
from cnn_cli.limits import Count
from cnn_cli.visualize.pictures import displayed, show
from cnn_cli.visualize.style import (
    BLUE,
    FAINT,
    HEADER,
    MARGIN,
    ORANGE,
    QUIET,
    new_figure,
    panel,
    shortened,
    style,
)
from cnn_cli.visualize.subject import Subject, needed, pictures_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cnn_cli.engine.predict import Predictions

TILE, GAP, TEXT = 1.6, 0.28, 0.86
COLUMNS = 6


def mistakes(subject: Subject, *, count: Count) -> "dict[str, Figure]":
    """The `count` wrong pictures whose predicted class got the highest probability.

    Raises UserError without predictions or pictures, or where the two are not of one split.
    """
    predictions = needed(subject.predictions, "mistakes", "predictions for a data set")()
    split = pictures_of(subject, "mistakes")
    if len(split) != len(predictions.labels):
        raise UserError("figure.mistakes: the predictions are not those of the chosen split")
    worst = most_confident(predictions, count)
    images = split.take(torch.from_numpy(worst)).images
    wrong = int((predictions.predicted != predictions.labels).sum())
    subtitle = f"{subject.origin} · {wrong:,} of {len(split):,} pictures wrong"
    with style():
        return {"mistakes": _draw(predictions, worst.tolist(), images, subtitle)}


def most_confident(predictions: "Predictions", count: int) -> "np.typing.NDArray[np.int64]":
    """Indices of the wrong pictures, the most probable prediction first; at most `count`."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    sure = predictions.probabilities[wrong].max(axis=1)
    return wrong[np.argsort(-sure, kind="stable")][:count]


def _draw(predictions: "Predictions", worst: list[int], images: Tensor, subtitle: str) -> "Figure":
    columns = max(min(COLUMNS, len(worst)), 3)
    rows = max(-(-len(worst) // columns), 1)
    wide = 2 * MARGIN + columns * (TILE + GAP) - GAP
    tall = HEADER + rows * (TILE + TEXT + 0.1)
    figure = new_figure(max(wide, 5.8), tall, "Most confident mistakes", subtitle)
    for place, (word, colour) in enumerate((("predicted", ORANGE), ("true", BLUE))):
        right, line = 1 - MARGIN / figure.get_size_inches()[0], 0.12 + 0.17 * place
        figure.text(
            right,
            1 - line / tall,
            f"■ {word} class",
            ha="right",
            va="top",
            fontsize=8.5,
            color=colour,
        )
    if not worst:
        figure.text(0.5, 0.42, "no mistakes", ha="center", fontsize=18, color=QUIET)
    for place, (index, image) in enumerate(zip(worst, images, strict=True)):
        row, column = divmod(place, columns)
        left, top = MARGIN + column * (TILE + GAP), HEADER + row * (TILE + TEXT + 0.1)
        show(panel(figure, left, top, TILE, TILE), displayed(image))
        below = panel(figure, left, top + TILE + 0.04, TILE, TEXT - 0.12)
        _judge(below, predictions, index)
    return figure


def _judge(axes: "Axes", predictions: "Predictions", index: int) -> None:
    """The predicted and the true class, each with a bar as long as its probability."""
    guess, label = int(predictions.predicted[index]), int(predictions.labels[index])
    for place, (number, colour) in enumerate(((guess, ORANGE), (label, BLUE))):
        chance = float(predictions.probabilities[index, number])
        name = shortened(predictions.classes[number], 12)
        axes.text(0, place + 0.42, name, fontsize=9, fontweight="bold", color=colour, va="center")
        axes.text(1, place + 0.42, _percent(chance), fontsize=9, ha="right", va="center")
        axes.barh(place + 0.8, 1, height=0.14, color=FAINT, alpha=0.6)
        axes.barh(place + 0.8, chance, height=0.14, color=colour)
    axes.set_xlim(0, 1)
    axes.set_ylim(2.02, 0)
    axes.set_axis_off()


def _percent(chance: float) -> str:
    """Whole percents where they say enough: never 100 % or 0 % for what is not."""
    if 0.995 <= chance < 1:
        return f"{min(chance, 0.9999):.2%}"
    return "< 1%" if 0 < chance < 0.01 else f"{chance:.0%}"
