"""One of the runs that are compared: its report, its predictions, and what made it."""

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np

from cnn_cli.comparison.references import REPORT
from cnn_cli.engine.predictions import SMALLEST, Predictions
from cnn_cli.errors import UserError
from cnn_cli.report.arrays import read_arrays
from cnn_cli.report.calibration import surety
from cnn_cli.report.intervals import wilson
from cnn_cli.report.paired import Outcomes, calibration_interval
from cnn_cli.report.uncertainty import RESAMPLED, headline_intervals
from cnn_cli.run import Run, run_of

FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "loss", "brier", "ece")
PREDICTIONS = "predictions.npz"
PART = re.compile(r"\d+|fold-\d+")
"""Names of the jobs of sweeps and of folds."""
CLOSE = 1e-6
"""By how much an accuracy may differ that was computed twice."""
UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError)


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval, which may be unknown."""

    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Side:
    """One run, by the letter that it has in this comparison."""

    letter: str
    name: str
    folder: Path
    """of the report"""
    run: Run | None
    metrics: Mapping[str, Any]
    cost: Mapping[str, Any]
    provenance: Mapping[str, Any]
    predictions: Predictions | None
    missing: str
    """why there are no predictions"""
    figures: Mapping[str, Figure]

    @property
    def images(self) -> int:
        return int(self.metrics["images"])

    @property
    def right(self) -> int:
        """Pictures."""
        return round(float(self.metrics["accuracy"]) * self.images)


def read_sides(folders: Sequence[Path]) -> list[Side]:
    """The runs whose reports lie in `folders`. Raises UserError with every report that is none."""
    problems: list[str] = []
    reports = [_read_report(folder / REPORT, problems) for folder in folders]
    if problems:
        raise UserError(*problems)
    names = _names(folders, reports)
    return [
        _side(letter, name, folder, report)
        for letter, name, folder, report in zip(
            ascii_uppercase, names, folders, reports, strict=False
        )
    ]


def _side(letter: str, name: str, folder: Path, report: Mapping[str, Any]) -> Side:
    metrics, run = report["metrics"], _run(folder, report["provenance"])
    predictions, missing = _read_predictions(folder / PREDICTIONS, metrics)
    return Side(
        letter=letter,
        name=name,
        folder=folder,
        run=run,
        metrics=metrics,
        cost={**_training(run), **report["cost"]},
        provenance=report["provenance"],
        predictions=predictions,
        missing=missing,
        figures=_figures(metrics, predictions),
    )


def _read_report(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        found: Any = json.loads(path.read_bytes())
        metrics = found["metrics"]
        if not 0 <= metrics["accuracy"] <= 1 or not metrics["images"] > 0:
            raise ValueError("impossible figures")
        parts = {"metrics": dict(metrics)}
        for part in ("cost", "provenance"):
            parts[part] = dict(found.get(part) or {})
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
    except (ValueError, KeyError, TypeError, AttributeError):
        problems.append(
            f"{path}: damaged, or no report of cnn-train; cnn-train evaluate writes it anew"
        )
    else:
        return parts
    return {}


def _read_predictions(path: Path, metrics: Mapping[str, Any]) -> tuple[Predictions | None, str]:
    """The predictions, or why they are not to be had."""
    if not path.is_file():
        return None, f"{path} is not there"
    try:
        found = read_arrays(path)
        names, classes = len(found.names), len(found.classes)
        sound = found.probabilities.shape == (names, classes) and found.labels.shape == (names,)
        sound = sound and bool(np.isfinite(found.probabilities).all())
        if not sound or not names or not 0 <= found.labels.min() <= found.labels.max() < classes:
            return None, f"{path} is damaged"
    except UNREADABLE:
        return None, f"{path} is damaged"
    if names != metrics["images"] or abs(found.accuracy - metrics["accuracy"]) > CLOSE:
        return None, f"{path} is not of this {REPORT}: its accuracy is another"
    return found, ""


def _run(folder: Path, provenance: Mapping[str, Any]) -> Run | None:
    """The run that was reported on: the report lies in it, or names its checkpoint."""
    for parent in list(folder.resolve().parents)[:2]:
        if Run(parent).config.is_file():
            return Run(parent)
    checkpoint = provenance.get("checkpoint")
    return run_of(Path(checkpoint)) if isinstance(checkpoint, str) else None


def _training(run: Run | None) -> dict[str, Any]:
    """What the whole training took, by the run's own report: evaluate's says it of its weights."""
    try:
        found: Any = json.loads((run.report / REPORT).read_bytes()) if run else {}
        return {"train_seconds": float(found["cost"]["train_seconds"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _names(folders: Sequence[Path], reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """Short names that tell the reports apart: the run's, else with the place in it, else all."""
    names = [
        _name(folder.resolve(), _run(folder, r["provenance"]))
        for folder, r in zip(folders, reports, strict=True)
    ]
    doubled = {name for name in names if names.count(name) > 1}
    return [
        str(folder) if name in doubled else name
        for name, folder in zip(names, folders, strict=True)
    ]


def _name(place: Path, run: Run | None) -> str:
    """A run's own report by the run's name; of a job or fold with that of the folder around it."""
    home = run.folder.resolve() if run else None
    if home is None or not place.is_relative_to(home):
        return place.name if place.name != "report" else place.parent.name
    name = f"{home.parent.name}/{home.name}" if PART.fullmatch(home.name) else home.name
    return name if place == home / "report" else f"{name}/{place.relative_to(home)}"


def outcomes(predictions: Predictions) -> Outcomes:
    """What there is to compare of each picture."""
    labels, chances = predictions.labels, predictions.probabilities
    own = chances[np.arange(len(labels)), labels]
    return Outcomes(
        labels=labels,
        predicted=predictions.predicted,
        losses=-np.log(np.maximum(own, SMALLEST)),
        briers=(chances**2).sum(axis=1) + 1 - 2 * own,
        classes=len(predictions.classes),
    )


def _figures(metrics: Mapping[str, Any], predictions: Predictions | None) -> dict[str, Figure]:
    """Each of FIGURES that is known: as reported, and what the report lacks from predictions."""
    values = {name: metrics.get(name) for name in FIGURES}
    calibration = metrics.get("calibration")
    values["ece"] = calibration.get("ece") if isinstance(calibration, Mapping) else None
    told = metrics.get("intervals")
    intervals = dict(told) if isinstance(told, Mapping) else {}
    if predictions is not None:
        computed, limits = _computed(predictions, complete=not intervals)
        values |= {name: value for name, value in computed.items() if values[name] is None}
        intervals = {**limits, **intervals}
    intervals.setdefault(
        "accuracy", wilson(round(metrics["accuracy"] * metrics["images"]), metrics["images"])
    )
    return {
        name: Figure(float(value), _pair(intervals.get(name)))
        for name, value in values.items()
        if isinstance(value, int | float)
    }


def _computed(
    predictions: Predictions, *, complete: bool
) -> tuple[dict[str, float], dict[str, Sequence[float]]]:
    """Values and intervals from predictions; `complete` where the report has no intervals."""
    found = outcomes(predictions)
    sure = surety(predictions.probabilities, predictions.labels)
    values, limits = {**sure, "brier": float(found.briers.mean())}, dict[str, Sequence[float]]()
    if complete:
        cells = found.labels * found.classes + found.predicted
        counts = np.bincount(cells, minlength=found.classes**2)
        counts = counts.reshape(found.classes, found.classes).astype(np.int64)
        limits |= headline_intervals(counts, 0, found.losses, found.briers)[0]
        hits, given = counts.diagonal()[None].astype(float), counts.sum(axis=0)[None].astype(float)
        for name in FIGURES:
            if name in RESAMPLED:
                values[name] = float(RESAMPLED[name](hits, given, counts.sum(axis=1))[0])
    confidence = predictions.probabilities.max(axis=1)
    limits["ece"] = calibration_interval(confidence, found.right)
    return values, limits


def _pair(limits: Any) -> tuple[float, float] | None:
    """A [low, high] of report.json."""
    try:
        low, high = limits
        return float(low), float(high)
    except (TypeError, ValueError):
        return None
