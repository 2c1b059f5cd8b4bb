"""Where a model is worse than elsewhere: dark, blurred or small pictures, one camera, one site."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_cli.report.intervals import LEVEL, wilson
from cnn_cli.report.paired import holm

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GROUPS = 5
"""Parts of equal size that numbers are cut into."""
MOST_VALUES = 20
"""Values of a column that are looked at one by one, the commonest; the others count as one."""
OTHERS = "(all others)"
FEWEST = 10
"""Pictures that a slice needs to say anything."""


def slices(traits: Mapping[str, Floats | Sequence[str]], right: Bools) -> list[dict[str, Any]]:
    """Accuracy of each slice with its 95 % interval, and whether it is `worse` beyond noise.

    `traits`: name -> a number (N,) or a word for each picture; `right` (N,). Numbers are cut at
    their quintiles, words taken as they are. A slice is `worse` where so few right would come by
    chance in one of 20 reports: Fisher's exact test against the rest of the pictures, one-sided,
    with Holm's correction (1979) for the number of slices. NaN and "" are left out.
    """
    found = []
    for trait, values in traits.items():
        told = (
            _of_numbers(np.asarray(values, dtype=np.float64))
            if _are_numbers(values)
            else _of_words([str(value) for value in values])
        )
        kept = [(name, members) for name, members in told if int(members.sum()) >= FEWEST]
        if len(kept) > 1:  # one alone has nothing to be compared with
            found += [_slice(trait, name, members, right) for name, members in kept]
    for row, corrected in zip(found, holm([row["p"] for row in found]), strict=True):
        row["worse"] = corrected <= 1 - LEVEL
    return found


def _are_numbers(values: Floats | Sequence[str]) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind == "f"


def _of_numbers(values: Floats) -> list[tuple[str, Bools]]:
    known = values[~np.isnan(values)]
    if not len(known):
        return []
    edges = np.unique(np.quantile(known, np.linspace(0, 1, GROUPS + 1)))
    if len(edges) < 3:
        return []
    digits = _digits(edges)
    parts = []
    for low, high in pairwise(edges):
        inside = (values >= low) & ((values < high) | ((high == edges[-1]) & (values == high)))
        parts.append((f"{low:.{digits}f} to {high:.{digits}f}", inside))
    return parts


def _digits(edges: Floats) -> int:
    """Decimals that tell neighbouring edges apart, one to spare; none for whole numbers."""
    if (edges == np.round(edges)).all():
        return 0
    nearest = float(np.diff(edges).min())
    return max(0, min(6, 1 - int(np.floor(np.log10(nearest)))))


def _of_words(values: Sequence[str]) -> list[tuple[str, Bools]]:
    given = np.array(values, dtype=np.str_)
    names, counts = np.unique(given[given != ""], return_counts=True)
    common = names[np.argsort(-counts, kind="stable")][:MOST_VALUES].tolist()
    parts: list[tuple[str, Bools]] = [(name, given == name) for name in common]
    if len(names) > MOST_VALUES:
        parts.append((OTHERS, ~np.isin(given, [*common, ""])))
    return parts


def _slice(trait: str, name: str, members: Bools, right: Bools) -> dict[str, Any]:
    images, hits = int(members.sum()), int((members & right).sum())
    return {
        "trait": trait,
        "slice": name,
        "images": images,
        "accuracy": hits / images,
        "interval": list(wilson(hits, images)),
        "p": _chance(images, images - hits, len(right), int((~right).sum())),
    }


def _chance(images: int, wrong: int, all_images: int, all_wrong: int) -> float:
    """Of as many wrong or more among `images` that were picked blindly."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(wrong - 1, all_images, all_wrong, images))
