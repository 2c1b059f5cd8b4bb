"""The network from picture to logits: its stages as boxes, and a table of what they cost."""

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

from torch import nn

from cnn_cli.limits import Count
from cnn_cli.visualize.stages import Stage, names, stages_of
from cnn_cli.visualize.style import (
    BLUE,
    FAINT,
    GREEN,
    HEADER,
    INK,
    MARGIN,
    ORANGE,
    QUIET,
    new_figure,
    panel,
    style,
    text_width,
)
from cnn_cli.visualize.subject import Subject, needed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cnn_cli.models.summary import Summary

WIDE, TALL, ABOVE, LABEL, ROW, HEAD = 11.2, 1.6, 0.25, 0.45, 0.3, 0.5
LEAST, MOST, THICK = 0.14, 1.1, 0.7
"""Inches: the smallest box and the widest one; the share of its place that one takes at most."""
ROOMY = 1.1
"""Inches between boxes from which there is room for words below them."""
NUMBER, NAME, LAYERS, OUTPUT, SEES, COST, SHARE = 0.0, 0.3, 2.05, 6.35, 7.1, 8.2, 10.0
"""Where the columns of the table begin, or end where they hold numbers, in inches."""
BAR, DENSE = 0.75, 0.9
"""Inches of a share of one; the width of a usual letter, of what `text_width` allows for one."""


def model(subject: Subject, *, stages: Count) -> "dict[str, Figure]":
    """Boxes as high as their maps and as wide as their channels, over a row for each stage.

    `stages` is the most that are drawn. Raises UserError without a network.
    """
    network = needed(subject.network, "model", "a network")()
    form = subject.preprocessing
    summary, found = stages_of(network, form.channels, form.size, stages)
    with style():
        return {"model": _draw(subject, network, summary, found)}


def short_number(value: float) -> str:
    """`251.0 M`, `1.3 K`, `432`."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if value >= limit:
            return f"{value / limit:.1f} {unit}"
    return f"{value:.0f}"


def _draw(
    subject: Subject, network: nn.Module, summary: "Summary", stages: Sequence[Stage]
) -> "Figure":
    table = HEADER + ABOVE + TALL + LABEL + 0.1
    notes = len(summary.warnings) * ROW
    figure = new_figure(
        WIDE + 2 * MARGIN,
        table + HEAD + ROW * len(stages) + notes + 0.25,
        "Model",
        f"{subject.title} · {_totals(network, summary)}",
    )
    _boxes(panel(figure, MARGIN, HEADER, WIDE, ABOVE + TALL + LABEL), subject, stages)
    axes = panel(figure, MARGIN, table, WIDE, HEAD + ROW * len(stages) + notes)
    _table(axes, stages, summary)
    for number, warning in enumerate(summary.warnings):
        low = HEAD + ROW * (len(stages) + number + 0.5)
        axes.text(0, low, f"warning: {warning}", color=ORANGE, fontsize=8.5, va="center")
    return figure


def _totals(network: nn.Module, summary: "Summary") -> str:
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    frozen = f" ({trained:,} of them trained)" if trained < summary.parameters else ""
    flops = short_number(summary.flops)
    return f"{summary.parameters:,} parameters{frozen} · {flops} FLOPs an image"


def _in_inches(axes: "Axes") -> tuple[float, float]:
    """Let one unit of `axes` be an inch, with (0, 0) at the top left; gives its size."""
    assert axes.figure is not None
    across, down = axes.figure.get_size_inches()  # type: ignore[union-attr]
    box = axes.get_position()
    width, height = box.width * across, box.height * down
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    return width, height


def _boxes(axes: "Axes", subject: Subject, stages: Sequence[Stage]) -> None:
    """The picture, then a box for each stage: height by side, width by channels."""
    from matplotlib.patches import Rectangle

    _in_inches(axes)
    form = subject.preprocessing
    shapes = [(form.channels, form.size, form.size), *(stage.shape for stage in stages)]
    widest = max(shape[0] for shape in shapes)
    largest = max(_side(shape) for shape in shapes)
    step, middle = WIDE / len(shapes), ABOVE + TALL / 2
    thick = min(MOST, step * THICK)
    edges: list[tuple[float, float]] = []
    for number, shape in enumerate(shapes):
        high = max(LEAST, TALL * sqrt(_side(shape) / largest))
        wide = max(LEAST / 2, thick * sqrt(shape[0] / widest))
        centre = step * (number + 0.5)
        edges.append((centre - wide / 2, centre + wide / 2))
        colour = QUIET if number == 0 else GREEN if number == len(stages) else BLUE
        corner = (centre - wide / 2, middle - high / 2)
        axes.add_patch(Rectangle(corner, wide, high, color=colour, alpha=0.75, lw=0))
        if number:
            _arrow(axes, edges[-2][1], edges[-1][0], middle)
        sizes = f"{shape[0]:,} classes" if number == len(stages) else _sizes(shape, step)
        top = "picture" if number == 0 else f"{number}"
        axes.text(centre, middle - high / 2 - 0.05, top, ha="center", va="bottom", fontsize=8.5)
        axes.text(
            centre,
            ABOVE + TALL + 0.06,
            sizes,
            ha="center",
            va="top",
            fontsize=8,
            color=QUIET,
        )


def _arrow(axes: "Axes", start: float, end: float, middle: float) -> None:
    looks = {"arrowstyle": "-|>", "color": "#999999", "lw": 0.9, "mutation_scale": 7}
    looks |= {"shrinkA": 1.5, "shrinkB": 1.5}
    axes.annotate("", (end, middle), (start, middle), arrowprops=looks)


def _side(shape: tuple[int, ...]) -> int:
    return max(shape[1:], default=1) if len(shape) > 2 else 1


def _sizes(shape: tuple[int, ...], step: float) -> str:
    """Channels over height x width, on `step` inches: `64 channels` over `32 × 32`."""
    word = f" channel{'s' * (shape[0] != 1)}" if len(shape) > 2 and step >= ROOMY else ""
    return f"{shape[0]:,}{word}\n{' × '.join(map(str, shape[1:]))}".strip()


def _table(axes: "Axes", stages: Sequence[Stage], summary: "Summary") -> None:
    _in_inches(axes)
    looks: dict[str, Any] = {"fontsize": 8.5, "color": QUIET, "va": "bottom"}
    for left, head in ((NAME, "stage"), (LAYERS, "layers")):
        axes.text(left, HEAD - 0.1, head, **looks)
    heads = ((OUTPUT, "output"), (SEES, "sees\npixels"), (COST, "parameters"), (SHARE, "FLOPs"))
    for right, head in heads:
        axes.text(right, HEAD - 0.1, head, ha="right", linespacing=1.1, **looks)
    for number, (stage, name) in enumerate(zip(stages, names(stages), strict=True)):
        low = HEAD + ROW * (number + 0.5)
        axes.plot([0, WIDE], [low - ROW / 2] * 2, color=FAINT, lw=0.7)
        _row(axes, low, number + 1, stage, name)
        _bar(axes, COST, low, stage.parameters / max(summary.parameters, 1), BLUE)
        _bar(axes, SHARE, low, stage.flops / max(summary.flops, 1), ORANGE)


def _row(axes: "Axes", low: float, number: int, stage: Stage, name: str) -> None:
    write: dict[str, Any] = {"fontsize": 8.5, "va": "center", "color": INK}
    axes.text(NUMBER, low, f"{number}", fontweight="bold", **write)
    axes.text(NAME, low, _fitting(name, LAYERS - NAME - 0.15), **write)
    axes.text(LAYERS, low, _fitting(stage.layers, OUTPUT - LAYERS - 0.8), **write)
    field = stage.receptive_field
    numbers = {
        OUTPUT: "×".join(map(str, stage.shape)),
        SEES: "all" if field is None else f"{field}",
        COST: f"{stage.parameters:,}",
        SHARE: short_number(stage.flops),
    }
    for right, text in numbers.items():
        axes.text(right, low, text, ha="right", **write)


def _fitting(text: str, width: float) -> str:
    """`text`, or as much of its beginning as `width` inches hold."""
    letters = int(width / (DENSE * text_width("x", 8.5)))
    return text if len(text) <= letters else f"{text[: letters - 1].rstrip(', ')}…"


def _bar(axes: "Axes", left: float, low: float, share: float, colour: str) -> None:
    axes.barh(low, share * BAR, 0.13, left=left + 0.1, color=colour, alpha=0.85)
    axes.text(
        left + 0.15 + share * BAR, low, _percent(share), fontsize=7.5, va="center", color=QUIET
    )


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 or not share else "<1%"
