"""Pictures of what the checks of a set-up found: one batch learned by heart, the range of rates."""

import math
from typing import TYPE_CHECKING

from cnn_cli.engine.checks import BELOW_MINIMUM, LEARNED, Overfit, RangeTest
from cnn_cli.visualize.style import (
    BLUE,
    FAINT,
    GREEN,
    HEADER,
    MARGIN,
    ORANGE,
    PURPLE,
    new_figure,
    panel,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, TALL, LOW = 7.2, 3.4, 1.5
BESIDE, BELOW = MARGIN + 0.7, 0.6
"""Inches for the numbers left of the axes, and below them."""
ROOM = 0.75
"""Share of the axes' width beyond which a name does not fit on the right of its point."""


def draw_overfit(found: Overfit, pictures: int, title: str) -> "Figure":
    """Loss, on a logarithmic scale, and accuracy over the steps on one batch."""
    from matplotlib.ticker import MaxNLocator

    verdict = "learned by heart" if found.passed else "not learned by heart"
    steps = len(found.losses)
    with style():
        subtitle = f"{title} · {pictures} pictures · {verdict} in {steps} steps"
        below = HEADER + 0.3 + TALL + 0.65
        figure = new_figure(BESIDE + WIDE + 0.3, below + LOW + BELOW, "One batch", subtitle)
        loss = panel(figure, BESIDE, HEADER + 0.3, WIDE, TALL)
        loss.set_title("Loss (nats)")
        loss.plot(range(1, steps + 1), found.losses, color=ORANGE, marker=_marker(steps), ms=4)
        loss.set_yscale("log")
        loss.yaxis.set_major_formatter(_power)
        shown = [LEARNED, *(value for value in found.losses if 0 < value < math.inf)]
        loss.set_ylim(min(shown) / 1.5, max(shown) * 1.5)
        loss.axhline(LEARNED, color=GREEN, lw=1.4, ls=(0, (4, 3)))
        loss.annotate(
            f"learned below {LEARNED:g}", (0, LEARNED), (4, 4), xycoords=("axes fraction", "data"),
            textcoords="offset points", color=GREEN, fontsize=9,
        )  # fmt: skip
        accuracy = panel(figure, BESIDE, below, WIDE, LOW)
        accuracy.set_title("Right answers (%)")
        percent = [100 * share for share in found.accuracies]
        accuracy.plot(range(1, steps + 1), percent, color=BLUE, marker=_marker(steps), ms=4)
        accuracy.set_ylim(0, 105)
        accuracy.set_xlabel("step")
        for axes in (loss, accuracy):
            axes.set_xlim(1 - 0.02 * max(steps, 2), steps + 0.02 * max(steps, 2))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(axis="y")
            axes.tick_params(which="both", color=FAINT)
        return figure


def _power(value: float, _position: float) -> str:
    """0.01, 1e-5: matplotlib's own labels need mathematics, which is off for the names' sake."""
    return f"{value:g}".replace("e-0", "e-").replace("e+0", "e")


def _marker(points: int) -> str | None:
    return "o" if points < 30 else None


def draw_range(found: RangeTest, key: str, peak: float, title: str) -> "Figure":
    """The loss of each step over the rate `key`, whose present value is `peak`."""
    rates = [factor * peak for factor in found.factors]
    with style():
        steps = f"{len(rates)} steps, each at a higher rate than the one before"
        figure = new_figure(
            BESIDE + WIDE + 0.3,
            HEADER + 0.6 + TALL + 0.4 + BELOW,
            "Learning-rate range test",
            f"{title} · {steps}",
        )
        axes = panel(figure, BESIDE, HEADER + 0.6, WIDE, TALL + 0.4)
        axes.plot(rates, found.losses, ".", color=ORANGE, alpha=0.5, ms=5, mew=0)
        axes.plot(rates[: len(found.smoothed)], found.smoothed, color=ORANGE)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(_power)
        axes.set_xlabel(key.removeprefix("+"))
        axes.set_ylabel("loss of each step, and the mean around it")
        _limit(axes, found, rates, peak)
        _mark(axes, found, rates, peak)
        axes.grid(axis="y")
        axes.tick_params(which="both", color=FAINT)
        return figure


def _limit(axes: "Axes", found: RangeTest, rates: list[float], peak: float) -> None:
    """What diverges leaves the picture at the top, and the present rate is always in it."""
    if found.smoothed:
        low, start = min(found.smoothed), found.smoothed[0]
        room = max(start - low, 0.1 * abs(start), 0.05)
        axes.set_ylim(max(0.0, low - 0.3 * room), start + 0.5 * room)
    axes.set_xlim(min(rates[0], peak) / 1.5, max(rates[-1], peak) * 1.5)


def _mark(axes: "Axes", found: RangeTest, rates: list[float], peak: float) -> None:
    """Points on the curve, and lines named above it, each name on a height of its own."""
    low, high = (math.log(end) for end in axes.get_xlim())
    marks = (found.steepest, "falls fastest", -5), (found.lowest, "smallest", -9)
    for place, words, down in marks:
        if place is not None:
            at = rates[place], found.smoothed[place]
            left = place == found.steepest or (math.log(at[0]) - low) / (high - low) > ROOM
            axes.plot(*at, "o", ms=8, mfc="white", mec=PURPLE, mew=2)
            axes.annotate(
                f"{words} at {rates[place]:.2g}",
                at,
                (-8 if left else 8, down),
                textcoords="offset points",
                ha="right" if left else "left",
                va="top",
                color=PURPLE,
                fontsize=9,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0},
            )
    lines = [(peak, f"now {peak:.3g}", BLUE)]
    if found.suggestion is not None and found.lowest is not None:
        rate, rule = found.suggestion * peak, f"{rates[found.lowest]:.2g} / {BELOW_MINIMUM:g}"
        lines.append((rate, f"suggested {rate:.2g} = {rule}", GREEN))
    for height, (rate, words, colour) in enumerate(lines):
        axes.axvline(rate, color=colour, lw=1.6, ls=(0, (4, 3)) if colour == BLUE else "-")
        right = (math.log(rate) - low) / (high - low) > 0.5
        axes.annotate(
            words, (rate, 1), (-4 if right else 4, 6 + 15 * height),
            xycoords=("data", "axes fraction"), textcoords="offset points",
            ha="right" if right else "left", color=colour, fontsize=10, fontweight="bold",
        )  # fmt: skip
