"""Stratified parts of a data set: always the same pictures, whatever the seed of the training."""

import warnings
from collections.abc import Sequence
from itertools import combinations
from typing import Annotated, Any

import torch
from torch import Tensor

from cnn_cli.errors import UserError
from cnn_cli.limits import Count, Range
from cnn_cli.rng import derive, generator

SPLIT_SEED = 0
"""Splits are facts about a data set: results of different runs must be comparable."""

MOST_FOLDS = 10
"""Folds from which a part of whole groups is put together at most."""

Limit = Count | Annotated[float, Range(0, 1, open_low=True)] | None
"""n = n pictures of each split, a share in (0, 1] = that part of it ("1 is one, 1.0 all")."""


def share(n: int, fraction: float) -> int:
    """The whole number nearest to `fraction` of n; at least one, unless it is to be none."""
    return max(1, round(n * fraction)) if fraction > 0 else 0


def cut(labels: Tensor, size: int, purpose: str, *, keep: int) -> tuple[Tensor, Tensor]:
    """Indices (rest, part): `part` has about `size` pictures, each class in its proportion.

    Where size > 0, every class gives at least one picture and keeps at least `keep`, so that `part`
    can be larger or smaller than asked for. Both are sorted; `purpose` names the random choice.
    Raises ValueError for a class of `keep` pictures or fewer (look first: `too_small`).
    """
    counts = torch.bincount(labels)
    if size == 0:
        return torch.arange(len(labels)), torch.arange(0)
    if ((counts > 0) & (counts <= keep)).any():
        raise ValueError(f"a class of {keep} or fewer pictures cannot be cut")
    shares = apportion(counts, size).clamp(min=1).minimum((counts - keep).clamp(min=0))
    chosen = _choose(labels, shares, purpose)
    return (~chosen).nonzero().flatten(), chosen.nonzero().flatten()


def cut_groups(
    labels: Tensor, groups: Sequence[str], size: int, purpose: str, part: str
) -> tuple[Tensor, Tensor]:
    """Indices (rest, part) that divide no group, with the classes as even as groups allow.

    `part` is made of the whole folds whose share is nearest to `size`, and of those the ones in
    which its classes come nearest to their proportion; `part` names it in messages. Both are
    sorted. Raises UserError where there are too few groups.
    """
    number = len(set(groups))
    share = size / len(labels)
    ways = [(taken, folds) for folds in range(2, MOST_FOLDS + 1) for taken in range(1, folds)]
    taken, folds = min(ways, key=lambda way: abs(way[0] / way[1] - share))  # the fewest folds first
    if number < folds:
        if number == 1:
            raise UserError(
                f"dataset.{part}_fraction: all pictures are of one group, which is not divided;"
                f" give dataset.{part}_fraction=0"
            )
        least = -(-100 // number) / 100
        raise UserError(
            f"dataset.{part}_fraction: {number} groups, none of which is divided, are too few to"
            f" cut {size} of {len(labels)} pictures from; give dataset.{part}_fraction={least:g}"
            " or more"
        )
    made = stratified_folds(labels, groups, folds, purpose)
    whole = torch.bincount(labels).double() / len(labels)

    def unevenness(some: tuple[Tensor, ...]) -> float:
        counts = torch.bincount(labels[torch.cat(some)], minlength=len(whole)).double()
        missing = int(((counts == 0) & (whole > 0)).sum())
        return missing + float((counts / counts.sum() - whole).abs().sum()) / 2

    best = min(combinations(made, taken), key=unevenness)
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    chosen[torch.cat(best)] = True
    rest, own = (~chosen).nonzero().flatten(), chosen.nonzero().flatten()
    return rest, own


def stratified_folds(
    labels: Tensor, groups: Sequence[str], folds: int, purpose: str
) -> list[Tensor]:
    """Sorted indices of each of the folds: classes in proportion, groups whole if there are any.

    `purpose` names the random choice. There must be at least as many groups as folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    seed = derive(SPLIT_SEED, purpose) % 2**32
    kind: Any = StratifiedGroupKFold if groups else StratifiedKFold
    splitter = kind(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # of rare classes: the caller looks at what came out
        warnings.filterwarnings("ignore", message="The least populated class")
        made = splitter.split(labels.numpy(), labels.numpy(), list(groups) or None)
        return [torch.from_numpy(own).sort().values for _, own in made]


def limited(labels: Tensor, limit: Limit, purpose: str) -> Tensor:
    """Sorted indices of the pictures that `dataset.limit` leaves, each class in its proportion.

    Raises UserError for a limit outside its range.
    """
    size = _limited_size(len(labels), limit)
    if size == len(labels):
        return torch.arange(len(labels))
    counts = torch.bincount(labels)
    shares = apportion(counts, size)
    if size >= int((counts > 0).sum()):
        shares = _no_class_lost(shares, counts)
    return _choose(labels, shares, f"limit/{purpose}").nonzero().flatten()


def apportion(counts: Tensor, size: int) -> Tensor:
    """Share `size` out in proportion to `counts` (K,), by largest remainder; ties by position."""
    total = int(counts.sum())
    shares = counts * size // total
    remainders = counts * size % total
    largest = remainders.argsort(descending=True, stable=True)
    shares[largest[: size - int(shares.sum())]] += 1
    return shares


def too_small(labels: Tensor, classes: tuple[str, ...], least: int) -> list[str]:
    """`"cats (1 picture)"` for each class of fewer than `least` pictures."""
    counts = torch.bincount(labels, minlength=len(classes)).tolist()
    few = [(name, count) for name, count in zip(classes, counts, strict=True) if count < least]
    return [f"{name} ({count} picture{'s' * (count != 1)})" for name, count in few]


def require_every_class(labels: Tensor, classes: tuple[str, ...], key: str, least: int) -> None:
    """Raise UserError unless every class has `least` pictures left to train on."""
    if few := too_small(labels, classes, least):
        raise UserError(
            f"{key}: leaves too few pictures of {', '.join(few)} to train on; groups are not"
            " divided: take fewer or smaller parts, more groups of that class, or leave it out"
            " (dataset.classes)"
        )


def _limited_size(n: int, limit: Limit) -> int:
    if limit is None or n == 0:
        return n
    if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1:
        return min(n, limit)
    if isinstance(limit, float) and 0 < limit <= 1:
        return max(1, round(n * limit))
    raise UserError(
        f"dataset.limit: {limit!r}; allowed are a number of pictures (100), "
        "a share above 0 up to 1.0, or null"
    )


def _no_class_lost(shares: Tensor, counts: Tensor) -> Tensor:
    """One picture from the largest share for each class that got none."""
    shares = shares.clone()
    for lost in ((shares == 0) & (counts > 0)).nonzero().flatten():
        shares[shares.argmax()] -= 1
        shares[lost] = 1
    return shares


def _choose(labels: Tensor, shares: Tensor, purpose: str) -> Tensor:
    """(N,) bool: a random `shares[c]` pictures of each class c."""
    order = torch.randperm(len(labels), generator=generator(SPLIT_SEED, f"split/{purpose}"))
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label, share in enumerate(shares.tolist()):
        chosen[order[labels[order] == label][:share]] = True
    return chosen
