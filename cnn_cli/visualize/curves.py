"""Learning curves: loss, accuracy, learning rate and gradient over the epochs of a run."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from cnn_cli.errors import UserError
from cnn_cli.visualize.style import (
    BLUE,
    FAINT,
    GREEN,
    HEADER,
    INK,
    MARGIN,
    ORANGE,
    PURPLE,
    QUIET,
    log_scale,
    many,
    new_figure,
    panel,
    style,
)
from cnn_cli.visualize.subject import Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Lines = Sequence[Mapping[str, Any]]
Points = tuple[list[float], list[float]]

WIDE, TALL, LOW = 4.9, 3.0, 1.35


def curves(subject: Subject, *, log_loss: bool) -> "dict[str, Figure]":
    """The curves of the subject's run; `log_loss` draws the loss on a logarithmic scale.

    Raises UserError where no epoch has been recorded.
    """
    if not subject.metrics:
        raise UserError(
            "figure.curves: needs a run's metrics.jsonl, and there is no whole line in it, or no"
            " such file, as beside a checkpoint on its own"
        )
    with style():
        return {"curves": _draw(subject, log_loss)}


def points(lines: Lines, *keys: str) -> Points:
    """(epochs, values) of one recorded value; lines without it, or not finite, are left out.

    Where a whole line is missing the value is NaN, and a curve has a gap.
    """
    epochs: list[float] = []
    values: list[float] = []
    for before, line in zip([None, *lines], lines, strict=False):
        if before is not None and line["epoch"] > before["epoch"] + 1 and epochs:
            epochs.append(before["epoch"] + 1)
            values.append(math.nan)
        value: Any = line
        for key in keys:
            value = None if value is None else value.get(key)
        if value is not None and math.isfinite(value):
            epochs.append(line["epoch"])
            values.append(value)
    return epochs, values


def _has_gaps(lines: Lines) -> bool:
    epochs = [0, *(line["epoch"] for line in lines)]
    return any(after > before + 1 for before, after in pairwise(epochs))


def _draw(subject: Subject, log_loss: bool) -> "Figure":
    lines, left, right = subject.metrics, MARGIN + 0.65, MARGIN + 0.65 + WIDE + 0.95
    low = HEADER + 0.25 + TALL + 0.62
    last = lines[-1]["time"]["elapsed"] if "time" in lines[-1] else None
    spent = "" if last is None else f" · {_duration(last)}"
    steps = many(lines[-1]["step"], "step")
    subtitle = f"{subject.title} · {many(lines[-1]['epoch'], 'epoch')}, {steps}{spent}"
    figure = new_figure(right + WIDE + 0.3, low + LOW + 0.62, "Learning curves", subtitle)
    loss = panel(figure, left, HEADER + 0.25, WIDE, TALL)
    _pair(loss, lines, "loss", "Loss (cross-entropy, nats)", 1.0)
    if log_loss:
        log_scale(loss)
    accuracy = panel(figure, right, HEADER + 0.25, WIDE, TALL)
    _pair(accuracy, lines, "accuracy", "Accuracy (%)", 100.0)
    if not _has_gaps(lines):  # else the best may be among what is missing
        _mark_best(accuracy, lines)
    rate = panel(figure, left, low, WIDE, LOW)
    _single(rate, points(lines, "lr"), "Learning rate at the end of each epoch", GREEN)
    norm = panel(figure, right, low, WIDE, LOW)
    _single(norm, points(lines, "train", "grad_norm"), "Gradient norm", PURPLE)
    for axes in (loss, accuracy, rate, norm):
        _finish(axes, lines)
    for axes in (rate, norm):
        axes.set_xlabel("epoch")
    return figure


def _pair(axes: "Axes", lines: Lines, key: str, title: str, factor: float) -> None:
    """Training and validation, each named at the end of its curve."""
    axes.set_title(title)
    for part, colour, word in (("train", ORANGE, "training"), ("val", BLUE, "validation")):
        epochs, values = points(lines, part, key)
        marker = _marker(values)
        axes.plot(
            epochs, [factor * v for v in values], color=colour, label=word, marker=marker, ms=4
        )
    if any(len(points(lines, part, key)[0]) for part in ("train", "val")):
        axes.legend(loc="best", labelcolor="linecolor", handlelength=1.2)


def _marker(values: Sequence[float]) -> str | None:
    """Points are drawn where a line alone may not show them: few of them, or one between gaps."""
    return "o" if len(values) < 3 or not all(map(math.isfinite, values)) else None


def _mark_best(axes: "Axes", lines: Lines) -> None:
    """The checkpoint that is reported: the last one said to be the best."""
    epochs, values = points([line for line in lines if line.get("best")], "val", "accuracy")
    if epochs:
        late = epochs[-1] > (lines[0]["epoch"] + lines[-1]["epoch"]) / 2
        axes.plot(epochs[-1], 100 * values[-1], "o", ms=8, mfc="white", mec=BLUE, mew=2)
        axes.annotate(
            f"best {values[-1]:.2%}\nepoch {epochs[-1]:g}",
            (epochs[-1], 100 * values[-1]),
            (4 if late else -4, -14),
            textcoords="offset points",
            ha="right" if late else "left",
            va="top",
            color=INK,
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )


def _single(axes: "Axes", data: Points, title: str, colour: str) -> None:
    axes.set_title(title)
    axes.plot(*data, color=colour, marker=_marker(data[1]), ms=4)
    if data[1]:
        axes.set_ylim(0, 1.08 * max(value for value in data[1] if math.isfinite(value)) or 1.0)
    else:
        axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", color=QUIET)


def _finish(axes: "Axes", lines: Lines) -> None:
    first, last = lines[0]["epoch"], lines[-1]["epoch"]
    pad = 0.02 * max(last - first, 1)
    axes.set_xlim(first - pad, last + 2 * pad)
    axes.set_xticks(_ticks(first, last))
    axes.grid(axis="y")
    axes.tick_params(color=FAINT)


def _ticks(first: int, last: int) -> list[int]:
    """The first epoch, the last one and round ones between them, none close to either end."""
    sizes = (size * 10**power for power in range(9) for size in (1, 2, 5))
    step = next(size for size in sizes if 8 * size >= last - first)
    between = range(step * (first // step + 1), last, step)
    return sorted({first, last, *(e for e in between if 2 * min(e - first, last - e) > step)})


def _duration(seconds: float) -> str:
    """`48 s`, `12 min`, `3.4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
