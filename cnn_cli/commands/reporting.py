"""The report on a split: the same code at the end of training and in `evaluate`."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cnn_cli.commands import slicing
from cnn_cli.commands.calibrating import calibrated
from cnn_cli.commands.measuring import cost
from cnn_cli.commands.trained import Trained
from cnn_cli.data.contract import Dataset, Split
from cnn_cli.data.relabel import Relabelled
from cnn_cli.device import Device
from cnn_cli.engine.display import Display, counting
from cnn_cli.engine.predict import Predictions, predict
from cnn_cli.engine.saving import versions
from cnn_cli.errors import UserError, closest
from cnn_cli.report.calibration import surety
from cnn_cli.report.report import Report, metrics
from cnn_cli.report.slices import FEWEST, slices
from cnn_cli.report.traits import Watched, sizes


def split_of(dataset: Dataset, name: str, trained: Trained, renamed: Mapping[str, str]) -> Split:
    """The split of that name, its labels numbered as the model's classes are.

    Raises UserError where it is empty or has classes that the model does not know.
    """
    split: Split = {"train": dataset.train, "val": dataset.val, "test": dataset.test}[name]
    numbers = class_numbers(dataset.classes, trained.classes, renamed)
    if len(split) == 0:
        every = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
        there = ", ".join(other for other, part in every.items() if len(part))
        raise UserError(f"split={name}: {dataset.name} has no pictures in it; there are {there}")
    return split if numbers == tuple(range(len(numbers))) else Relabelled(split, numbers)


def class_numbers(
    data: tuple[str, ...], model: tuple[str, ...], renamed: Mapping[str, str]
) -> tuple[int, ...]:
    """For each class of the data, its number in the model, matched by name and never by position.

    Raises UserError that names every class the model does not know.
    """
    names = [renamed.get(name, name) for name in data]
    unknown = [name for name in names if name not in model]
    if unknown:
        listed = ", ".join(f"'{name}'{closest(name, model)}" for name in unknown[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise UserError(
            f"dataset: the model does not know the class {listed}{more}; it knows"
            f" {', '.join(model[:12])}{', ...' if len(model) > 12 else ''}."
            " Where only the name differs: 'class_map={theirs: ours}'"
        )
    return tuple(model.index(name) for name in names)


@dataclass(frozen=True)
class Evaluated:
    """A report, the predictions it was computed from, and the pictures they are about."""

    report: Report
    predictions: Predictions
    split: Split


def evaluate(
    trained: Trained,
    dataset: Dataset,
    split_name: str,
    class_map: Mapping[str, str],
    device: Device,
    batch_size: int,
    display: Display,
    table: slicing.Table | None = None,
) -> Evaluated:
    """Run the model over the split and compute the report; `table` is a CSV of slices."""
    split = split_of(dataset, split_name, trained, class_map)
    columns: slicing.Columns = {}
    if table is not None:
        columns, note = slicing.columns(table, split.names)
        display.say(note, style="yellow", markup=False) if note else None
    start = time.monotonic()
    watched = Watched(split).to(device.place)
    with counting(display.console, f"{split_name} split", len(split)) as advance:
        found = predict(trained.model, watched, trained.classes, device, batch_size, advance)
    seconds = time.monotonic() - start
    spent = cost(trained, device, len(split), seconds)
    if trained.plain is not None:
        spent["tta"] = _gain(trained, split, found, device, batch_size, seconds)
    origin = _provenance(trained, dataset, split_name, device)
    if trained.temperature != 1:
        origin["temperature"] = trained.temperature
        origin["without_temperature"] = surety(found.probabilities, found.labels)
        found = calibrated(found, trained.temperature)
    traits = {**watched.traits(), **_sizes(split), **columns}
    parts = slices(traits, found.predicted == found.labels)
    unused = columns.keys() - {part["trait"] for part in parts}
    for name in (name for name in columns if name in unused):
        display.say(
            f"slices: no two values of {name} have {FEWEST} pictures each, so it gives no slice",
            style="yellow",
            markup=False,
        )
    return Evaluated(Report(metrics(found), spent, origin, parts), found, split)


def _gain(
    trained: Trained, split: Split, found: Predictions, device: Device, batch: int, seconds: float
) -> dict[str, float]:
    """What the views of test-time augmentation bring, and what they cost."""
    start = time.monotonic()
    pictures = split.to(device.place)
    plain = predict(trained.plain or trained.model, pictures, trained.classes, device, batch)
    once = time.monotonic() - start
    return {
        "accuracy_without": plain.accuracy,
        "gain": found.accuracy - plain.accuracy,
        "times_as_long": round(seconds / once, 2),
    }


def _sizes(split: Split) -> dict[str, slicing.Floats]:
    return {} if split.paths is None else {"size": sizes(split.paths)}


def _provenance(
    trained: Trained, dataset: Dataset, split: str, device: Device
) -> dict[str, object]:
    with trained.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "run": trained.title,
        "checkpoint": str(trained.path),
        "checkpoint_sha256": digest,
        "model": str(trained.config["model"]["_target_"]).rpartition(".")[2],
        "step": trained.step,
        "dataset": dataset.name,
        "dataset_fingerprint": dataset.fingerprint,
        "dataset_is_that_of_training": dataset.fingerprint == trained.fingerprint,
        "split": split,
        "tta": trained.tta,
        "notes": list(dataset.notes),
        "device": str(device),
        "versions": versions(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def list_files(display: Display, folder: Path, files: list[Path]) -> None:
    """Say where the files are, in one line."""
    display.say(f"wrote {folder}: {', '.join(path.name for path in files)}", markup=False)
