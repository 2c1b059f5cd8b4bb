"""What there is to learn from: pictures a class in each split, and what some of them look like."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cnn_cli.data.contract import Dataset
from cnn_cli.limits import Count
from cnn_cli.rng import generator
from cnn_cli.visualize.pictures import displayed, show
from cnn_cli.visualize.style import (
    BLUE,
    FAINT,
    GREEN,
    HEADER,
    MARGIN,
    ORANGE,
    QUIET,
    new_figure,
    panel,
    shortened,
    style,
    text_width,
)
from cnn_cli.visualize.subject import Subject, needed, pictures_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TILE, GAP, NAME, APART, TALL, CAPTION = 0.72, 0.06, 1.4, 0.45, 1.7, 0.45
COLOURS = {"train": BLUE, "val": ORANGE, "test": GREEN}
LEFT, SMALL = 0.6, 8.0
LETTERS = 16
"""Letters of a class's name that are shown."""
NAMED = 40
"""The most classes whose bars have their names."""
ONE_COLUMN = 10
"""Classes up to which their pictures stand in one column."""


def dataset(subject: Subject, *, classes: Count, pictures: Count) -> "dict[str, Figure]":
    """A bar for every class, cut by split; below, `pictures` of each of `classes` classes.

    The pictures are of the subject's split. Raises UserError without a data set or pictures.
    """
    data = needed(subject.dataset, "dataset", "a data set")
    split = pictures_of(subject, "dataset")
    shown = spread(len(subject.classes), classes)
    order = torch.randperm(len(split), generator=generator(subject.seed, "figure/dataset"))
    labels = split.labels.cpu()[order]
    found = {label: order[labels == label][:pictures] for label in shown}
    with style():
        return {"dataset": _draw(subject, data, found, pictures)}


def spread(count: int, at_most: int) -> list[int]:
    """0 .. count - 1, or `at_most` of them, evenly spread from the first to the last."""
    if count <= at_most:
        return list(range(count))
    return [round(place * (count - 1) / max(at_most - 1, 1)) for place in range(at_most)]


def counts(data: Dataset) -> dict[str, list[int]]:
    """Split -> pictures of each class; splits without pictures are left out."""
    splits = {"train": data.train, "val": data.val, "test": data.test}
    return {
        name: split.labels.cpu().bincount(minlength=len(data.classes)).tolist()
        for name, split in splits.items()
        if len(split)
    }


def _draw(subject: Subject, data: Dataset, found: dict[int, Tensor], pictures: int) -> "Figure":
    blocks = 1 if len(found) <= ONE_COLUMN else 2
    rows = -(-len(found) // blocks)
    block = NAME + pictures * (TILE + GAP) - GAP
    wide = max(blocks * (block + APART) - APART, 6.0)
    feet = _feet(data.classes, wide)
    top = HEADER + 0.3 + TALL + feet + CAPTION
    size = (2 * MARGIN + wide, top + rows * (TILE + GAP) + 0.15)
    figure = new_figure(*size, "Data set", f"{data.name} · {_facts(subject, data)}")
    bars = wide - LEFT
    _bars(panel(figure, MARGIN + LEFT, HEADER + 0.3, bars, TALL), data, bars)
    cut = len(found) < len(subject.classes)
    of = f"{len(found)} of {len(subject.classes)} classes" if cut else "every class"
    axes = panel(figure, MARGIN, top - CAPTION, wide, CAPTION)
    axes.axis("off")
    axes.text(0, 0.45, f"Pictures of {of}: {subject.part}", fontweight="bold", fontsize=11)
    for place, (label, indices) in enumerate(found.items()):
        left = MARGIN + (place // rows) * (block + APART)
        _row(figure, subject, label, indices, left, top + (place % rows) * (TILE + GAP))
    return figure


def _facts(subject: Subject, data: Dataset) -> str:
    made = counts(data)
    each = ", ".join(f"{name} {sum(values):,}" for name, values in made.items())
    form = subject.preprocessing
    kind = {1: "grey", 3: "RGB"}.get(form.channels, f"{form.channels} channels")
    return f"{len(data.classes)} classes · {each} · {form.size} × {form.size} {kind}"


def _feet(classes: tuple[str, ...], wide: float) -> float:
    """Inches below the bars: for the names, level or turned or not there, and a line of text."""
    if len(classes) > NAMED:
        return 0.5
    return 0.55 if _are_level(classes, wide - LEFT) else 0.4 + _longest(classes)


def _are_level(classes: tuple[str, ...], wide: float) -> bool:
    return _longest(classes) < wide / len(classes)


def _longest(classes: tuple[str, ...]) -> float:
    return max(text_width(shortened(name, LETTERS), SMALL) for name in classes)


def _balance(data: Dataset) -> str:
    """The rarest and the commonest class of training, in words."""
    found = data.train.labels.cpu().bincount(minlength=len(data.classes))
    low, high = int(found.min()), int(found.max())
    if low == high:
        return f"{low:,} training pictures of every class"
    rare, common = (
        shortened(data.classes[int(i)], LETTERS) for i in (found.argmin(), found.argmax())
    )
    return f"training pictures of a class: from {low:,} ({rare}) to {high:,} ({common})"


def _bars(axes: "Axes", data: Dataset, wide: float) -> None:
    """Bars of all classes in their order on `wide` inches, the splits one on the other."""
    made, below = counts(data), [0] * len(data.classes)
    places = range(len(data.classes))
    for name, values in made.items():
        axes.bar(
            places,
            values,
            0.8 if len(places) <= NAMED else 1.0,
            bottom=below,
            color=COLOURS[name],
            label=name,
            lw=0,
        )
        below = [low + value for low, value in zip(below, values, strict=True)]
    axes.set_xlim(-0.6, len(places) - 0.4)
    axes.set_title("Pictures a class", pad=8)
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderaxespad=0.1, handlelength=0.9
    )
    axes.grid(axis="y")
    axes.tick_params(color=FAINT)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    many = len(places) > NAMED
    order = f"the {len(places)} classes in their order, from 0 · " if many else ""
    axes.set_xlabel(order + _balance(data), fontsize=8.5, color=QUIET, loc="left", labelpad=6)
    if not many:
        words = [shortened(name, LETTERS) for name in data.classes]
        turned = 0 if _are_level(data.classes, wide) else 90
        axes.set_xticks(list(places), words, rotation=turned, fontsize=SMALL)


def _row(
    figure: "Figure", subject: Subject, label: int, indices: Tensor, left: float, top: float
) -> None:
    """The name of a class and its pictures; where there is none, that is said."""
    axes = panel(figure, left, top, NAME, TILE)
    axes.axis("off")
    name = shortened(subject.classes[label], LETTERS)
    axes.text(0.93, 0.5, name, ha="right", va="center", fontsize=9)
    if not len(indices):
        axes.text(1.0, 0.5, "no pictures in this split", va="center", fontsize=8.5, color=QUIET)
        return
    split = pictures_of(subject, "dataset")
    for place, image in enumerate(split.take(indices).images):
        show(panel(figure, left + NAME + place * (TILE + GAP), top, TILE, TILE), displayed(image))
