"""Which of a data set's pictures are used: some of its classes, a fold, a limited number."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, Self, TypeVar

import torch
from torch import Tensor

from cnn_cli.data.split import (
    Limit,
    cut,
    cut_groups,
    limited,
    require_every_class,
    share,
    stratified_folds,
    too_small,
)
from cnn_cli.errors import UserError, closest
from cnn_cli.limits import Count, Range

FEWEST_CLASSES = 2
SHOWN = 12
"""Class names listed in a message."""


@dataclass(frozen=True)
class Selection:
    """What every data set's YAML can ask for."""

    classes: tuple[str | int, ...] | None = None
    """use these classes alone; null = all"""
    folds: Annotated[int, Range(2, 100)] | None = None
    """number of parts of a cross-validation"""
    fold: Count | None = None
    """the part, 1 to `folds`, that is the test; null = all of them, one training each"""
    limit: Limit | Mapping[str, Limit] = None
    """pictures a split, or a share of them; a mapping is for the splits that it names"""


ALL = Selection()


class Raw(Protocol):
    """Pictures, or the files of pictures, before they become a split."""

    @property
    def labels(self) -> Tensor:
        """(N,) int64."""
        ...

    @property
    def groups(self) -> Sequence[str]:
        """What each picture belongs to (a patient, a film); empty where nothing is known."""
        ...

    def part(self, indices: Tensor) -> Self:
        """The pictures at `indices`."""
        ...

    def joined(self, other: Self) -> Self:
        """These pictures and, after them, the others."""
        ...

    def relabelled(self, labels: Tensor) -> Self:
        """The same pictures with other labels (N,) int64."""
        ...


R = TypeVar("R", bound=Raw)


def select(
    parts: Mapping[str, R], classes: tuple[str, ...], selection: Selection
) -> tuple[dict[str, R], tuple[str, ...], list[str]]:
    """The pictures of "train", "val" and "test" that are used, their classes, and notes on it.

    First the classes, then the fold, then the limit. Raises UserError for classes that are not
    there and for folds that cannot be made.
    """
    chosen, kept = _classes(parts, classes, selection.classes)
    notes = []
    if selection.fold is not None:
        chosen, note = _fold(chosen, kept, selection)
        notes.append(note)
    if selection.limit is None:
        return chosen, kept, notes
    limits = _limits(selection.limit, chosen)
    some = {
        which: raw.part(limited(raw.labels, limits.get(which), which))
        for which, raw in chosen.items()
    }
    return some, kept, [*notes, *_limit_notes(selection.limit, chosen, some)]


def _classes(
    parts: Mapping[str, R], classes: tuple[str, ...], wanted: Sequence[str | int] | None
) -> tuple[dict[str, R], tuple[str, ...]]:
    """Only the pictures of the classes wanted, which keep the data set's own order."""
    if wanted is None:
        return dict(parts), classes
    names = [str(name) for name in wanted]
    unknown = [f"'{name}'{closest(name, classes)}" for name in names if name not in classes]
    if unknown:
        more = f" and {len(classes) - SHOWN} more" if len(classes) > SHOWN else ""
        raise UserError(
            f"dataset.classes: there is no class {', '.join(unknown)};"
            f" there are {', '.join(classes[:SHOWN])}{more}"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"dataset.classes: {', '.join(twice)} is named twice")
    kept = tuple(name for name in classes if name in names)
    if len(kept) < FEWEST_CLASSES:
        raise UserError("dataset.classes: a classifier needs two classes or more")
    numbers = torch.tensor([kept.index(name) if name in kept else -1 for name in classes])
    return {which: _those(raw, numbers) for which, raw in parts.items()}, kept


def _those(raw: R, numbers: Tensor) -> R:
    labels = numbers[raw.labels]
    inside = (labels >= 0).nonzero().flatten()
    return raw.part(inside).relabelled(labels[inside])


def _fold(
    parts: Mapping[str, R], classes: tuple[str, ...], selection: Selection
) -> tuple[dict[str, R], str]:
    """A part of the training and validation pictures as the test, the rest to train and validate.

    Each class in its proportion, and groups whole where there are some. The data set's own test
    pictures are left alone. Validation gets the same share of what is left as it had of all.
    """
    folds, fold = selection.folds, selection.fold
    if folds is None or fold is None or fold > folds:
        raise UserError(f"dataset.fold={fold}: must be one of dataset.folds={folds}, from 1 up")
    pool = parts["train"].joined(parts["val"])
    if few := too_small(pool.labels, classes, folds):
        most = int(torch.bincount(pool.labels, minlength=len(classes)).min())
        raise UserError(
            f"dataset.folds={folds}: there are too few pictures of {', '.join(few)}; at most {most}"
        )
    if pool.groups and len(set(pool.groups)) < folds:
        raise UserError(f"dataset.folds={folds}: there are only {len(set(pool.groups))} groups")
    every = stratified_folds(pool.labels, pool.groups, folds, f"folds/{folds}")
    test = every[fold - 1]
    rest = torch.cat([*every[: fold - 1], *every[fold:]]).sort().values
    learning = pool.part(rest)
    size = share(len(rest), len(parts["val"].labels) / len(pool.labels))
    purpose = f"fold-{fold}/val"
    key = f"dataset.folds={folds}, fold {fold}"
    require_every_class(learning.labels, classes, key, 1 if size == 0 or learning.groups else 2)
    train, val = (
        cut_groups(learning.labels, learning.groups, size, purpose, "val")
        if learning.groups and size
        else cut(learning.labels, size, purpose, keep=1)
    )
    require_every_class(learning.labels[train], classes, key, 1)
    note = f"fold {fold} of {folds}: {len(test)} of the {len(pool.labels)} pictures are the test"
    own = len(parts["test"].labels)
    note += f"; the {own} test pictures are not touched" if own else ""
    return {"train": learning.part(train), "val": learning.part(val), "test": pool.part(test)}, note


def _limits(limit: Limit | Mapping[str, Limit], parts: Collection[str]) -> Mapping[str, Limit]:
    """The limit of each part."""
    if not isinstance(limit, Mapping):
        return dict.fromkeys(parts, limit)
    for name in limit:
        if name not in parts:
            near = closest(name, parts)
            raise UserError(f"dataset.limit: no split {name}{near}; there are {', '.join(parts)}")
    return limit


def _limit_notes(
    limit: Limit | Mapping[str, Limit], before: Mapping[str, Raw], after: Mapping[str, Raw]
) -> list[str]:
    """What `dataset.limit` left of each part, in words; empty where it changed nothing."""
    changed = [
        f"{len(after[which].labels)} of {len(raw.labels)} {which}"
        for which, raw in before.items()
        if len(after[which].labels) < len(raw.labels)
    ]
    shown = str(limit)
    if isinstance(limit, Mapping):
        shown = "{" + ", ".join(f"{which}: {value}" for which, value in limit.items()) + "}"
    return [f"dataset.limit={shown} takes {', '.join(changed)} pictures"] if changed else []
