"""What the augmentation does: each picture beside versions of it that training may show."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cnn_cli.limits import Count
from cnn_cli.rng import generator
from cnn_cli.visualize.pictures import displayed, show
from cnn_cli.visualize.style import (
    HEADER,
    MARGIN,
    QUIET,
    new_figure,
    panel,
    shortened,
    style,
)
from cnn_cli.visualize.subject import Subject, needed, one_of_each, pictures_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cnn_cli.augmentation.pipeline import Augmentation
    from cnn_cli.data.contract import Batch

TILE, GAP, APART, LABEL, LABELS, NAME = 1.15, 0.1, 0.3, 0.3, 0.4, 0.22


def augmentation(subject: Subject, *, pictures: Count, versions: Count) -> "dict[str, Figure]":
    """A row for each of `pictures` pictures: the original, then `versions` augmented ones.

    Raises UserError without an augmentation or pictures.
    """
    pipeline = needed(subject.augmentation, "augmentation", "an augmentation")
    batch = one_of_each(subject, "augmentation", pictures)
    augmented = [_augment(pipeline, subject, batch, step) for step in range(versions)]
    with style():
        return {"augmentation": _draw(subject, batch, augmented)}


def _augment(
    pipeline: "Augmentation", subject: Subject, batch: "Batch", step: int
) -> tuple[Tensor, Tensor]:
    """The pictures in a batch with as many others, drawn anew, which they may be mixed with."""
    source, size = generator(subject.seed, "figure/partners", step), len(batch.images)
    split = pictures_of(subject, "augmentation")
    others = split.take(torch.randint(len(split), (size,), generator=source))
    labels = torch.cat([batch.labels, others.labels])
    targets = torch.nn.functional.one_hot(labels, len(subject.classes)).float()
    both = torch.cat([batch.images, others.images])
    images, targets = pipeline(both, targets, step, cropped=False)
    return images[:size], targets[:size]


def _draw(subject: Subject, batch: "Batch", augmented: list[tuple[Tensor, Tensor]]) -> "Figure":
    rows, columns = len(batch.images), len(augmented)
    mixed = any(float(targets.max(dim=1).values.min()) < 1 for _, targets in augmented)
    high = TILE + (LABELS if mixed else GAP)
    first = MARGIN + NAME + TILE + APART
    wide = max(first + columns * (TILE + GAP) - GAP + MARGIN, 5.8)
    figure = new_figure(
        wide,
        HEADER + LABEL + rows * high + 0.15,
        "Augmentation",
        f"{subject.title} · as in training{_unseen(subject, batch)}",
    )
    for row in range(rows):
        top = HEADER + LABEL + row * high
        axes = panel(figure, MARGIN + NAME, top, TILE, TILE)
        show(axes, displayed(batch.images[row]))
        name = shortened(subject.classes[int(batch.labels[row])], 14)
        axes.set_ylabel(name, fontsize=9, color=QUIET, labelpad=4)
        if row == 0:
            axes.set_title("original", pad=6)
        for column, (images, targets) in enumerate(augmented):
            axes = panel(figure, first + column * (TILE + GAP), top, TILE, TILE)
            show(axes, displayed(images[row]))
            if mixed:
                axes.set_xlabel(_parts(targets[row], subject.classes), fontsize=7.5, labelpad=3)
            if row == 0 and column == 0:
                axes.set_title("augmented, a new draw each time", pad=6)
    return figure


def _unseen(subject: Subject, batch: "Batch") -> str:
    shown, there = len(set(batch.labels.tolist())), len(subject.classes)
    return f" · {shown} of {there} classes" if shown < there else ""


def _parts(target: Tensor, classes: tuple[str, ...]) -> str:
    """A mixed target in words, its largest parts first: `0.7 cat` and, a line below, `0.3 dog`."""
    shares, order = target.topk(min(2, len(target)))
    parts = [(float(s), classes[int(i)]) for s, i in zip(shares, order, strict=True) if s >= 0.05]
    return "\n".join(f"{share:.1f} {shortened(name, 14)}" for share, name in parts)
