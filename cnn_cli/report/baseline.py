"""Whether a report is worse than an earlier one by more than chance explains.

On the same pictures the exact McNemar test (McNemar 1947; Dietterich 1998, "Approximate Statistical
Tests for Comparing Supervised Classification Learning Algorithms"), which looks at those that only
one of the two has right; on other pictures Fisher's exact test. Both are one-sided.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from cnn_cli.errors import UserError
from cnn_cli.report.arrays import read_arrays
from cnn_cli.report.paired import mcnemar_worse, unpaired_worse
from cnn_cli.report.verdict import Verdict

if TYPE_CHECKING:
    from cnn_cli.engine.predict import Predictions

Bools = NDArray[np.bool_]
ARRAYS = "predictions.npz"
LEVEL = 0.05
"""Share of equally good models that are called worse, by chance."""


@dataclass(frozen=True)
class Outcomes:
    """Which pictures were right: (name, class) of each of N, and (N,) bool."""

    pictures: tuple[tuple[str, str], ...]
    right: Bools


@dataclass(frozen=True)
class Baseline:
    """An earlier report; `outcomes` is None where it has no predictions beside it."""

    ref: str
    classes: tuple[str, ...]
    right: int
    images: int
    outcomes: Outcomes | None
    part: str = ""
    """data set and split, as they are told"""


def read_baseline(ref: str, files: Sequence[Path]) -> Baseline:
    """The report of that report.json, or the reports of all folds of a cross-validation together.

    Raises UserError for a file that is damaged or of something else.
    """
    parts = [_read(ref, file) for file in files]
    classes = parts[0].classes
    if any(set(part.classes) != set(classes) for part in parts):
        raise UserError(f"baseline={ref}: its folds have different classes")
    found = [part.outcomes for part in parts if part.outcomes is not None]
    whole = len(found) == len(parts)
    told = {part.part for part in parts}
    part = told.pop() if len(told) == 1 else ""
    right, images = sum(part.right for part in parts), sum(part.images for part in parts)
    return Baseline(ref, classes, right, images, _joined(found) if whole else None, part)


def read_outcomes(files: Sequence[Path]) -> Outcomes:
    """Of the predictions beside all of those report.json together."""
    return _joined([outcomes_of(read_arrays(file.with_name(ARRAYS))) for file in files])


def outcomes_of(predictions: "Predictions") -> Outcomes:
    """Which of the pictures are right."""
    labels = (predictions.classes[label] for label in predictions.labels.tolist())
    pictures = tuple(zip(predictions.names, labels, strict=True))
    return Outcomes(pictures, predictions.predicted == predictions.labels)


def part_of(provenance: Mapping[str, Any]) -> str:
    """Data set and split of a report: `cifar10 test`; "" where it does not say."""
    return " ".join(str(provenance[key]) for key in ("dataset", "split") if key in provenance)


def compare(baseline: Baseline, new: Outcomes, part: str = "") -> Verdict:
    """Missed where `new` is worse beyond noise; `part` is the data set and split it is of."""
    pairs = _pairs(baseline.outcomes, new) if baseline.outcomes else None
    right, images = int(new.right.sum()), len(new.right)
    ours, theirs = right / images, baseline.right / baseline.images
    if pairs is not None:
        lost = int((pairs[0] & ~pairs[1]).sum())
        won = int((~pairs[0] & pairs[1]).sum())
        p = mcnemar_worse(lost, won)
        how = (
            f"of the same {images:,} pictures {lost} are right in the baseline alone (b) and {won}"
            " here alone (c); exact McNemar test"
        )
    else:
        p = unpaired_worse((baseline.right, baseline.images), (right, images))
        why = "not the same pictures" if baseline.outcomes else f"no {ARRAYS} beside it"
        if baseline.part and part and baseline.part != part:
            why = f"those are of {baseline.part}, these of {part}: other pictures"
        how = (
            f"{right:,} of {images:,} pictures against {baseline.right:,} of"
            f" {baseline.images:,} ({why}); Fisher's exact test"
        )
    is_met = p >= LEVEL
    verdict, below = ("not worse beyond noise", "is not") if is_met else ("worse", "is")
    setting, found = f"baseline={baseline.ref}", f"accuracy {ours:.4f} against {theirs:.4f}"
    told = f"{setting}: {verdict}: {found}; {how}, one-sided, p = {p:.2g} {below} below {LEVEL}"
    return Verdict("baseline", setting, f"{found}, p = {p:.2g}", is_met, told)


def _joined(parts: Sequence[Outcomes]) -> Outcomes:
    pictures = tuple(picture for part in parts for picture in part.pictures)
    return Outcomes(pictures, np.concatenate([part.right for part in parts]))


def _pairs(old: Outcomes, new: Outcomes) -> tuple[Bools, Bools] | None:
    """Right or wrong of the same pictures, in one order; None where they are not the same."""
    if old.pictures == new.pictures:
        return old.right, new.right
    places = {picture: place for place, picture in enumerate(old.pictures)}
    unique = len(places) == len(old.pictures) == len(set(new.pictures))
    if not unique or places.keys() != set(new.pictures):
        return None
    return old.right[[places[picture] for picture in new.pictures]], new.right


def _read(ref: str, file: Path) -> Baseline:
    try:
        contents: Any = json.loads(file.read_bytes())
        metrics, part = contents["metrics"], part_of(contents.get("provenance", {}))
        images = int(metrics["images"])
        right = round(float(metrics["accuracy"]) * images)
        classes = tuple(str(row["name"]) for row in metrics["per_class"])
        if not 0 <= right <= images or images == 0 or not classes:
            raise ValueError("impossible figures")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"baseline={ref}: {file} is no report of this program") from error
    outcomes = _outcomes(ref, file, classes, right, images)
    return Baseline(ref, classes, right, images, outcomes, part)


def _outcomes(
    ref: str, file: Path, classes: tuple[str, ...], right: int, images: int
) -> Outcomes | None:
    """From the predictions beside a report.json, which have to be those it was made of."""
    arrays = file.with_name(ARRAYS)
    if not arrays.exists():
        return None
    try:
        predictions = read_arrays(arrays)
        found = outcomes_of(predictions)
    except (OSError, ValueError, KeyError, IndexError, AttributeError, BadZipFile) as error:
        raise UserError(f"baseline={ref}: {arrays} is damaged") from error
    same = (predictions.classes, len(found.right), int(found.right.sum()))
    if same != (classes, images, right):
        raise UserError(f"baseline={ref}: {arrays} is not of the same report as {file.name}")
    return found
