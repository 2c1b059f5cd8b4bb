"""The learning rate of each group of parameters, step by step, before any step is taken."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnn_cli.visualize.style import (
    BLUE,
    FAINT,
    GREEN,
    HEADER,
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
from cnn_cli.visualize.subject import Course, Subject, needed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
"""One for each curve; of more rates, only the outer ones and some between are drawn."""
WIDE, TALL, LINE = 8.0, 3.6, 0.24
POINTS = 4000
LOWEST = 1e-5
"""Part of the highest rate at which a logarithmic scale ends: a cosine goes on down to nothing."""


def schedule(subject: Subject, *, log_rate: bool) -> "dict[str, Figure]":
    """A curve for each peak rate, named by the parameters that it is for.

    Raises UserError where it is not known how long the training is.
    """
    course = needed(subject.course, "schedule", "the optimizer and the data set of the training")()
    with style():
        return {"schedule": _draw(subject, course, log_rate)}


def steps_drawn(total: int) -> list[int]:
    """Every step, or POINTS of them with the first and the last."""
    if total <= POINTS:
        return list(range(total))
    return [round(point * (total - 1) / (POINTS - 1)) for point in range(POINTS)]


def peaks(groups: Sequence[dict[str, Any]], scale: float) -> dict[float, str]:
    """Peak rate -> the parameters of an optimizer's groups that have it; the highest first."""
    found: dict[float, list[str]] = {}
    for group in groups:
        found.setdefault(group["lr"] * scale, []).append(_kind(group["params"]))
    return {rate: ", ".join(dict.fromkeys(found[rate])) for rate in sorted(found, reverse=True)}


def _kind(parameters: Sequence[Any]) -> str:
    ranks = {parameter.ndim for parameter in parameters}
    if max(ranks, default=0) <= 1:
        return "norms and biases"
    if ranks == {4}:
        return "convolutions"
    return "dense layers" if ranks == {2} else "weights"


def _draw(subject: Subject, course: Course, log_rate: bool) -> "Figure":
    rates = peaks(course.optimizer.param_groups, course.scale)
    shown = list(rates)
    if len(shown) > len(COLOURS):
        last = len(COLOURS) - 1
        shown = [shown[round(place * (len(shown) - 1) / last)] for place in range(last + 1)]
    epochs = course.total // course.steps_per_epoch
    subtitle = (
        f"{subject.title} · {type(course.optimizer).__name__}, {type(course.schedule).__name__} ·"
        f" {many(epochs, 'epoch')} of {many(course.steps_per_epoch, 'step')},"
        f" {course.total:,} in all{_condition(course)}"
    )
    left, top = MARGIN + 0.75, HEADER - 0.05 + LINE * (len(shown) + (len(shown) < len(rates)))
    figure = new_figure(left + WIDE + 0.3, top + TALL + 0.65, "Learning rate", subtitle)
    axes = panel(figure, left, top, WIDE, TALL)
    steps = steps_drawn(course.total)
    factors = [course.schedule((step + 0.5) / course.total) for step in steps]
    along = [(step + 0.5) / course.steps_per_epoch for step in steps]
    for colour, rate in zip(COLOURS, shown, strict=False):
        values = [rate * factor for factor in factors]
        ends = f"{values[0]:.3g} → {max(values):.3g} → {values[-1]:.3g}"
        marker = "o" if len(steps) < 3 else None
        axes.plot(along, values, color=colour, marker=marker, label=f"{rates[rate]}: {ends}")
    _finish(axes, course, epochs, log_rate, len(rates) - len(shown))
    return figure


def _condition(course: Course) -> str:
    """Of a schedule that listens to the validation, only the plan is known."""
    return ", if validation never stalls" if hasattr(course.schedule, "after") else ""


def _finish(axes: "Axes", course: Course, epochs: int, log_rate: bool, hidden: int) -> None:
    if log_rate:
        log_scale(axes)
        lowest, highest = axes.dataLim.intervaly
        axes.set_ylim(bottom=max(0.7 * lowest, LOWEST * highest))
    else:
        axes.set_ylim(bottom=0)
    _mark_warmup(axes, course, epochs)
    if hidden:
        axes.plot([], [], color="none", label=f"and {hidden} more rates between them")
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 1.0), labelcolor="linecolor", handlelength=1.2,
        borderaxespad=0.2, labelspacing=0.35,
    )  # fmt: skip
    axes.set_xlim(0, epochs)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("epoch")
    axes.grid(axis="y")
    axes.tick_params(color=FAINT)


def _mark_warmup(axes: "Axes", course: Course, epochs: int) -> None:
    """The first share of the steps, where the schedule has one for going up."""
    share = getattr(course.schedule, "warmup", 0.0)
    if not share:
        return
    axes.axvspan(0, share * epochs, color=QUIET, alpha=0.08, lw=0)
    axes.axvline(share * epochs, color=QUIET, lw=0.8, ls=(0, (4, 3)))
    axes.annotate(
        f"warm-up: {share:.0%},\n{share * course.total:,.0f} steps",
        (share * epochs, 0.03),
        (5, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="bottom",
        fontsize=8.5,
        color=QUIET,
    )
