"""Two runs against each other: how far apart they are, and whether that is more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cnn_cli.comparison.sides import Figure, Side, outcomes
from cnn_cli.engine.predictions import Predictions
from cnn_cli.errors import UserError
from cnn_cli.report.intervals import LEVEL
from cnn_cli.report.paired import (
    FIGURES,
    Outcomes,
    differences,
    holm,
    mcnemar,
    mean_difference,
    newcombe,
    newcombe_paired,
    unpaired,
)

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ClassChange:
    """What became of one class: (of the first run, of the second) each."""

    name: str
    images: tuple[int, int]
    right: tuple[int, int]
    p: float
    corrected: float
    """p by Holm over the classes"""

    @property
    def recall(self) -> tuple[float, float]:
        """In [0, 1]."""
        return self.right[0] / self.images[0], self.right[1] / self.images[1]

    @property
    def difference(self) -> float:
        """In [-1, 1], above 0 where the second run is better."""
        return self.recall[1] - self.recall[0]

    @property
    def is_certain(self) -> bool:
        """Whether it is beyond noise."""
        return self.corrected < 1 - LEVEL


@dataclass(frozen=True)
class Pair:
    """The second run against the first."""

    first: Side
    second: Side
    unlike: str
    """why they are not compared picture by picture; "" where they are"""
    alone: tuple[int, int] | None
    """pictures that only the first has right, and only the second"""
    p: float
    corrected: float
    """p by Holm over all comparisons with the first run"""
    differences: Mapping[str, Figure]
    """of some of FIGURES, second minus first"""
    classes: tuple[ClassChange, ...]
    """the surest change first"""

    @property
    def is_certain(self) -> bool:
        """Whether the difference of the accuracies is beyond noise."""
        return self.corrected < 1 - LEVEL


def compare(sides: Sequence[Side]) -> list[Pair]:
    """Each other run against the first one; p-values are corrected for how many there are.

    Raises UserError where one has no class in common with the first: they answer other questions.
    """
    first = sides[0]
    strange = [other for other in sides[1:] if not _rows(first).keys() & _rows(other).keys()]
    if strange:
        raise UserError(
            *(
                f"compare: {other.name} has no class in common with {first.name}, and a figure of"
                " one says nothing of the other"
                for other in strange
            )
        )
    pairs = [_pair(sides[0], other) for other in sides[1:]]
    values = holm([pair.p for pair in pairs])
    return [replace(pair, corrected=p) for pair, p in zip(pairs, values, strict=True)]


def _pair(first: Side, second: Side) -> Pair:
    order, unlike = None, first.missing or second.missing
    if first.predictions is not None and second.predictions is not None:
        order, unlike = aligned(first.predictions, second.predictions, first.letter, second.letter)
    if first.predictions is None or second.predictions is None or order is None:
        return _of_others(first, second, unlike)
    one = outcomes(first.predictions)
    other = _reordered(outcomes(second.predictions), order)
    alone = _alone(one.right, other.right)
    p = mcnemar(*alone)
    both = int((one.right & other.right).sum())
    intervals = differences(one, other)
    intervals["accuracy"] = newcombe_paired(both, *alone, len(one.right) - both - sum(alone))
    means = {"accuracy": (one.right.mean(), other.right.mean())}
    means |= {"loss": (one.losses.mean(), other.losses.mean())}
    means |= {"brier": (one.briers.mean(), other.briers.mean())}
    for name in FIGURES:
        if name not in means and name in first.figures and name in second.figures:
            means[name] = first.figures[name].value, second.figures[name].value
    return Pair(
        first,
        second,
        "",
        alone,
        p,
        p,
        {
            name: Figure(float(means[name][1] - means[name][0]), intervals[name])
            for name in FIGURES
            if name in means
        },
        _classes(first.predictions.classes, one, other),
    )


def aligned(
    first: Predictions, second: Predictions, a: str = "A", b: str = "B"
) -> tuple[Ints | None, str]:
    """Where each picture of `first` is in `second`; or None, and why they are not the same ones.

    The same are those of one name whose classes, by their names, are the same.
    """
    if len(first.names) != len(second.names):
        return None, f"{a} has {len(first.names):,} pictures and {b} {len(second.names):,}"
    order = np.arange(len(first.names))
    if first.names != second.names:
        places = {name: place for place, name in enumerate(second.names)}
        strange = sum(name not in places for name in first.names)
        if strange:
            return None, f"{strange:,} of {len(first.names):,} pictures of {a} are not those of {b}"
        if len(places) < len(second.names) or len(set(first.names)) < len(first.names):
            return None, "several pictures have one name, and their order is another"
        order = np.array([places[name] for name in first.names])
    theirs = np.array(second.classes)[second.labels[order]]
    other = int((np.array(first.classes)[first.labels] != theirs).sum())
    if other:
        return None, f"{other:,} of {len(first.names):,} pictures have another class in {b}"
    return order, ""


def _reordered(found: Outcomes, order: Ints) -> Outcomes:
    return Outcomes(
        found.labels[order],
        found.predicted[order],
        found.losses[order],
        found.briers[order],
        found.classes,
    )


def _alone(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[int, int]:
    return int((one & ~other).sum()), int((other & ~one).sum())


def _classes(names: Sequence[str], one: Outcomes, other: Outcomes) -> tuple[ClassChange, ...]:
    """Of the same pictures: an exact test for each class that has any."""
    found = []
    for number, name in enumerate(names):
        chosen = one.labels == number
        if chosen.any():
            a, b = one.right[chosen], other.right[chosen]
            images, right = (len(a), len(a)), (int(a.sum()), int(b.sum()))
            found.append(ClassChange(name, images, right, mcnemar(*_alone(a, b)), 1.0))
    return _corrected(found)


def _corrected(found: Sequence[ClassChange]) -> tuple[ClassChange, ...]:
    """With Holm's correction; the surest change first, then the largest."""
    values = holm([change.p for change in found])
    changes = [replace(one, corrected=p) for one, p in zip(found, values, strict=True)]
    ranked = sorted(changes, key=lambda c: (not c.is_certain, -abs(c.difference), c.p))
    return tuple(ranked)


def _of_others(first: Side, second: Side, unlike: str) -> Pair:
    """Where the pictures are others, or nobody knows which."""
    one, other = (first.right, first.images), (second.right, second.images)
    accuracy = other[0] / other[1] - one[0] / one[1]
    found = {"accuracy": Figure(accuracy, newcombe(one, other))}
    if first.predictions is not None and second.predictions is not None:
        a, b = outcomes(first.predictions), outcomes(second.predictions)
        for name, x, y in (("loss", a.losses, b.losses), ("brier", a.briers, b.briers)):
            found[name] = Figure(float(y.mean() - x.mean()), mean_difference(x, y))
    p = unpaired(one, other)
    return Pair(first, second, unlike, None, p, p, found, _other_classes(first, second))


def _other_classes(first: Side, second: Side) -> tuple[ClassChange, ...]:
    """Fisher's test for each class that both have, from the reports."""
    rows = [_rows(first), _rows(second)]
    found = []
    for name, (images, right) in rows[0].items():
        theirs = rows[1].get(name, (0, 0))
        if images and theirs[0]:
            p = unpaired((right, images), (theirs[1], theirs[0]))
            found.append(ClassChange(name, (images, theirs[0]), (right, theirs[1]), p, 1.0))
    return _corrected(found)


def _rows(side: Side) -> dict[str, tuple[int, int]]:
    """Class -> pictures, and how many of them are right, as the report has it."""
    try:
        return {
            str(row["name"]): (int(row["support"]), round(row["recall"] * row["support"]))
            for row in side.metrics["per_class"]
        }
    except (KeyError, TypeError, ValueError):
        return {}
