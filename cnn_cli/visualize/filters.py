"""The first layer's filters: the patterns of pixels that the model looks for."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cnn_cli.errors import UserError
from cnn_cli.limits import Count
from cnn_cli.visualize.hooks import shown as plain
from cnn_cli.visualize.pictures import displayed, show
from cnn_cli.visualize.style import (
    HEADER,
    MARGIN,
    QUIET,
    new_figure,
    panel,
    style,
)
from cnn_cli.visualize.subject import Subject, needed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TILE, GAP = 0.82, 0.14
COLUMNS = 8


def filters(subject: Subject, *, count: Count) -> "dict[str, Figure]":
    """The first `count` filters of the first convolution, strongest first.

    With three input channels a filter is a small colour picture with 0 at mid grey; with others its
    mean over them is shown, blue below 0 and red above. Each filter has its own scale.

    Raises UserError without a model or where it has no convolution.
    """
    model = needed(subject.model, "filters", "a trained model")
    name, weights = first_filters(model)
    order = weights.flatten(1).norm(dim=1).argsort(descending=True, stable=True)[:count]
    out, channels, height, width = weights.shape
    what = "colour" if channels == 3 else f"{channels} channel{'s' if channels > 1 else ''}"
    shown = f"{len(order)} of {out}" if len(order) < out else f"{out}"
    subtitle = f"{subject.title} · layer {name}: {shown} filters, {width} × {height} pixels, {what}"
    with style():
        return {"filters": _draw(weights[order], order.tolist(), subtitle)}


def first_filters(model: nn.Module) -> tuple[str, Tensor]:
    """Name and weights (out, in, height, width) of the first convolution, on the CPU."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            return plain(name), module.weight.detach().float().cpu()
    raise UserError("figure.filters: the model has no convolution whose filters could be shown")


def _draw(weights: Tensor, numbers: list[int], subtitle: str) -> "Figure":
    columns = min(COLUMNS, len(weights)) if len(weights) < 48 else 2 * COLUMNS
    rows = -(-len(weights) // columns)
    wide = max(2 * MARGIN + columns * (TILE + GAP), 6.4)
    figure = new_figure(
        wide, HEADER + rows * (TILE + GAP + 0.12) + 0.4, "First-layer filters", subtitle
    )
    for place, (kernel, number) in enumerate(zip(weights, numbers, strict=True)):
        row, column = divmod(place, columns)
        left = MARGIN + column * (TILE + GAP)
        axes = panel(figure, left, HEADER + 0.12 + row * (TILE + GAP + 0.12), TILE, TILE)
        _show_filter(axes, kernel)
        axes.set_title(str(number), fontsize=7, fontweight="normal", color=QUIET, pad=2)
    note = "mid grey = 0" if weights.shape[1] == 3 else "blue < 0 (white) < red"
    text = f"{note}; each filter has its own scale; numbered by channel, strongest first"
    figure.text(MARGIN / wide, 0.14 / figure.get_size_inches()[1], text, fontsize=8.5, color=QUIET)
    return figure


def _show_filter(axes: "Axes", kernel: Tensor) -> None:
    most = float(kernel.abs().max()) or 1.0
    if len(kernel) == 3:
        show(axes, displayed(0.5 + kernel / (2 * most)))
        return
    mean = torch.mean(kernel, dim=0)
    most = float(mean.abs().max()) or 1.0
    show(axes, mean.numpy(), cmap="RdBu_r", vmin=-most, vmax=most)
