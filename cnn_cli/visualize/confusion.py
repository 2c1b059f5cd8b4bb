"""The confusion matrix: what is taken for what, legible at 2 classes and at 200."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnn_cli.limits import NonNegativeInt
from cnn_cli.visualize.style import (
    FAINT,
    HEADER,
    INK,
    MARGIN,
    ORANGE,
    QUIET,
    new_figure,
    panel,
    shortened,
    style,
    text_width,
)
from cnn_cli.visualize.subject import Subject, needed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NUMBERED = 20
"""Classes up to which each cell shows its count; above, the most confused pairs are listed."""
TICKS = 40
"""Classes up to which every one is named at the axes; above, evenly spaced ones."""
PAIRS = 15


def confusion(subject: Subject, *, pairs: NonNegativeInt) -> "dict[str, Figure]":
    """The confusion matrix of the subject's predictions.

    `pairs` is the number of most confused pairs listed beside a matrix too large for numbers.
    Raises UserError where the subject has no predictions.
    """
    predictions = needed(subject.predictions, "confusion", "predictions for a data set")()
    counts = confusion_counts(predictions.labels, predictions.predicted, len(predictions.classes))
    right = f"{predictions.accuracy:.2%} of {len(predictions.labels):,} pictures right"
    with style():
        return {
            "confusion": draw_confusion(
                counts, predictions.classes, f"{subject.origin} · {right}", pairs
            )
        }


def confusion_counts(labels: Ints, predicted: Ints, classes: int) -> Ints:
    """(K, K) int64: row = true class, column = predicted class."""
    cells = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def confused_pairs(counts: Ints, limit: int) -> list[tuple[int, int]]:
    """(true, predicted) of the commonest mistakes, by count, then by share of the true class."""
    support = counts.sum(axis=1)
    true, predicted = np.nonzero(counts * (1 - np.eye(len(counts), dtype=np.int64)))
    times = counts[true, predicted]
    order = np.lexsort((-times / support[true], -times))[:limit]
    return list(zip(true[order].tolist(), predicted[order].tolist(), strict=True))


def draw_confusion(
    counts: Ints, classes: tuple[str, ...], subtitle: str, pairs: int = PAIRS
) -> "Figure":
    """The picture of a (K, K) matrix of counts; call inside `style`.

    Colours show the share of the row (the true class): blue where right, orange where wrong, each
    with its own scale, so that rare mistakes of a good model are seen.
    """
    k = len(classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [shortened(name, 16) for name in classes]
    side = min(max(3.6, 0.48 * k), 7.6)
    left = MARGIN + 0.35 + max(text_width(name, _font_size(k)) for name in names)
    bottom = 0.5 + (0.25 if _fit(names, side) else 0.72 * (left - 0.5))
    listed = confused_pairs(counts, pairs) if k > NUMBERED else []
    width = left + side + 1.4 + (3.6 if listed else 0)
    figure = new_figure(width, HEADER + side + bottom, "Confusion matrix", subtitle)
    axes = panel(figure, left, HEADER, side, side)
    tall = 0.46 * side
    tops = (HEADER, HEADER + side - tall)
    _paint(axes, shares, [panel(figure, left + side + 0.2, top, 0.16, tall) for top in tops])
    _name(axes, names, slanted=not _fit(names, side))
    if k <= NUMBERED:
        _number(axes, counts, shares)
    if listed:
        _list_pairs(panel(figure, left + side + 1.7, HEADER, 2.9, side), listed, counts, classes)
    return figure


def _font_size(k: int) -> float:
    return 10 if k <= NUMBERED else 8


def _step(k: int) -> int:
    """Every how manieth class is named at the axes."""
    return 1 if k <= TICKS else -(-k // 25)


def _fit(names: list[str], side: float) -> bool:
    """Whether the names fit side by side below a matrix `side` inches wide."""
    k = len(names)
    longest = max(text_width(name, _font_size(k)) for name in names)
    return longest + 0.08 < side / k * _step(k)


def _paint(axes: "Axes", shares: Floats, scales: "list[Axes]") -> None:
    diagonal = np.eye(len(shares), dtype=bool)
    layers = (
        ("right", "Blues", ~diagonal, 1.0),
        ("wrong", "Oranges", diagonal | (shares == 0), _most_wrong(shares)),
    )
    for scale, (word, colours, hidden, most) in zip(scales, layers, strict=True):
        shown = np.ma.masked_where(hidden, shares)
        image = axes.imshow(shown, cmap=_light(colours), vmin=0, vmax=most)
        bar = axes.figure.colorbar(image, cax=scale, format=_percent)
        bar.set_label(f"{word}, share of the row", color=QUIET, fontsize=9)
        bar.outline.set_visible(False)


def _most_wrong(shares: Floats) -> float:
    """The upper end of the scale of mistakes; a floor keeps a single mistake from shouting."""
    return max(0.02, float((shares * (1 - np.eye(len(shares)))).max()))


def _light(colours: str) -> "Colormap":
    """The lighter part of a colour map, on which dark and white numbers stay legible."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps[colours](np.linspace(0.02, 0.82, 256)))


def _percent(value: float, _position: object = None) -> str:
    return f"{100 * value:.3g} %"


def _name(axes: "Axes", names: list[str], slanted: bool) -> None:
    """Class names at both axes, as many as there is room for."""
    k, step = len(names), _step(len(names))
    slant: dict[str, Any] = (
        {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    )
    axes.set_xticks(range(0, k, step), names[::step], **slant)
    axes.set_yticks(range(0, k, step), names[::step])
    axes.tick_params(length=0 if step == 1 else 3, labelsize=_font_size(k))
    every = "" if step == 1 else f" (every {step}th of {k} named)"
    axes.set_xlabel(f"predicted class{every}")
    axes.set_ylabel(f"true class{every}")
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(FAINT)
    if k <= TICKS:
        axes.set_xticks(np.arange(k + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(k + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#EEEEEE", linewidth=0.8)
        axes.tick_params(which="minor", length=0)


def _number(axes: "Axes", counts: Ints, shares: Floats) -> None:
    most = _most_wrong(shares)
    digits = len(str(int(counts.max())))
    size = min(11.0, 40.0 / max(digits, 3), 180.0 / len(counts))
    for row, column in np.argwhere(counts > 0).tolist():
        full = 1.0 if row == column else most
        colour = "white" if shares[row, column] > 0.6 * full else INK
        text = f"{counts[row, column]}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)


def _list_pairs(
    axes: "Axes", pairs: list[tuple[int, int]], counts: Ints, classes: tuple[str, ...]
) -> None:
    times = [int(counts[pair]) for pair in pairs]
    names = [f"{shortened(classes[t], 16)} → {shortened(classes[p], 16)}" for t, p in pairs]
    axes.barh(range(len(pairs)), times, height=0.16, color=ORANGE)
    for place, (name, count) in enumerate(zip(names, times, strict=True)):
        axes.text(0, place - 0.18, f"{name}  ", fontsize=9, va="bottom")
        axes.text(count, place, f" {count}", fontsize=9, va="center", color=QUIET)
    axes.set_ylim(max(len(pairs), 12) - 0.6, -0.8)
    axes.set_xlim(0, max(times) * 1.15)
    axes.set_title("Most often mistaken\ntrue → predicted, pictures")
    axes.set_axis_off()
