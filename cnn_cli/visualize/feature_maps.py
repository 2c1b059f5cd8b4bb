"""Feature maps: what each stage of the model makes of one picture."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cnn_cli.errors import UserError
from cnn_cli.limits import Count, NonNegativeInt
from cnn_cli.visualize.hooks import Seen, chosen_layer, finished, layer_maps
from cnn_cli.visualize.pictures import displayed, model_input, show
from cnn_cli.visualize.style import (
    HEADER,
    MARGIN,
    QUIET,
    new_figure,
    panel,
    shortened,
    style,
    text_width,
)
from cnn_cli.visualize.subject import Subject, needed, one_of_each, pictures_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cnn_cli.data.contract import Batch

Maps = tuple[str, Tensor]
"""A layer's name and its maps (C, H, W) for the picture."""

TILE, GAP, PICTURE, LABEL = 1.0, 0.1, 1.9, 0.34


def feature_maps(
    subject: Subject,
    *,
    picture: NonNegativeInt | None,
    stages: Count,
    maps: Count,
    layers: tuple[str, ...] | None,
) -> "dict[str, Figure]":
    """The `maps` strongest maps after each of `stages` evenly spread stages, for one picture.

    `picture` is its index in the split; None takes one by the seed. `layers` names the layers to
    show; None spreads them over all that end in an activation or a block.

    Raises UserError without a model or pictures, or where a layer gives no maps.
    """
    model = needed(subject.model, "feature_maps", "a trained model")
    batch = _picture(subject, picture)
    with torch.no_grad():
        seen = layer_maps(model, model_input(batch.images, subject.device))
    if layers is None:
        chosen = _spread(seen, stages)
    else:
        given = {name: output[0] for name, _, output in seen}  # of a layer run twice, the last
        key = "figure.feature_maps.layers"
        chosen = [(name, given[chosen_layer(name, list(given), key)]) for name in layers]
    if not chosen:
        raise UserError("figure.feature_maps: the model has no layer with maps larger than 1x1")
    with style():
        return {"feature_maps": _draw(subject, batch, chosen, maps)}


def _picture(subject: Subject, index: int | None) -> "Batch":
    if index is None:
        return one_of_each(subject, "feature_maps", 1)
    split = pictures_of(subject, "feature_maps")
    if index >= len(split):
        raise UserError(
            f"figure.feature_maps.picture: {index} is past the end; at most {len(split) - 1}"
        )
    return split.take(torch.tensor([index]))


def _spread(seen: Seen, stages: int) -> list[Maps]:
    """`stages` layers with finished maps: the last ones of each size, then others evenly."""
    ends = [(name, output[0]) for name, _, output in finished(seen)]
    last_of = {maps.shape[1:]: place for place, (_, maps) in enumerate(ends)}
    picked = [list(last_of.values())[i] for i in _evenly(len(last_of), stages)]
    others = [place for place in range(len(ends)) if place not in picked]
    picked += [others[i] for i in _evenly(len(others), stages - len(picked))]
    return [ends[place] for place in sorted(picked)]


def _evenly(count: int, wanted: int) -> list[int]:
    """Up to `wanted` of `count` places, evenly spread, the last one among them."""
    steps = torch.linspace(count - 1, 0, min(max(wanted, 0), count))
    return sorted(set(steps.round().int().tolist()))


def _draw(subject: Subject, batch: "Batch", chosen: list[Maps], count: int) -> "Figure":
    columns = max(min(count, len(maps)) for _, maps in chosen)
    left = MARGIN + PICTURE + 0.35
    wide = max(left + columns * (TILE + GAP) + MARGIN, 7.0)
    row_height = TILE + LABEL + 0.06
    tall = HEADER + max(len(chosen) * row_height, PICTURE + LABEL) + 0.15
    what = "the strongest maps of each stage, each with its own scale"
    figure = new_figure(wide, tall, "Feature maps", f"{subject.origin} · {what}")
    axes = panel(figure, MARGIN, HEADER + LABEL, PICTURE, PICTURE)
    show(axes, displayed(batch.images[0]))
    name = shortened(subject.classes[int(batch.labels[0])], 20)
    size = f"{batch.images.shape[3]} × {batch.images.shape[2]} pixels"
    axes.set_title(f"{name}, {size}", fontsize=9.5, pad=4)
    for row, (layer, maps) in enumerate(chosen):
        top = HEADER + row * row_height + LABEL
        order = maps.float().abs().mean(dim=(1, 2)).argsort(descending=True, stable=True)[:count]
        strongest = maps[order].float().cpu()
        for column, values in enumerate(strongest):
            axes = panel(figure, left + column * (TILE + GAP), top, TILE, TILE)
            show(axes, values.numpy(), cmap="magma")
            if column == 0:
                _label_row(axes, layer, maps, len(order))
    return figure


def _label_row(axes: "Axes", layer: str, maps: Tensor, shown: int) -> None:
    axes.set_title(layer, fontsize=9.5, pad=4)
    extent = text_width(layer, 10.5) + 0.12
    text = f"{shown} of {len(maps)} maps, {maps.shape[2]} × {maps.shape[1]}"
    axes.annotate(
        text,
        (0, 1),
        (extent * 72, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=8.5,
        color=QUIET,
    )
