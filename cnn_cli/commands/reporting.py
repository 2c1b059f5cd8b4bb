"""The report on a split: the same code at the end of training and in `evaluate`."""

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cnn_cli.commands.calibrating import calibrated
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


def evaluate(
    trained: Trained,
    dataset: Dataset,
    split_name: str,
    class_map: Mapping[str, str],
    device: Device,
    batch_size: int,
    display: Display,
) -> tuple[Report, Predictions]:
    """Run the model over the split and compute the report."""
    split = split_of(dataset, split_name, trained, class_map)
    start = time.monotonic()
    with counting(display.console, f"{split_name} split", len(split)) as advance:
        found = predict(
            trained.model, split.to(device.place), trained.classes, device, batch_size, advance
        )
    seconds = time.monotonic() - start
    origin = _provenance(trained, dataset, split_name, device)
    if trained.temperature != 1:
        origin["temperature"] = trained.temperature
        origin["without_temperature"] = surety(found.probabilities, found.labels)
        found = calibrated(found, trained.temperature)
    cost = {
        "parameters": sum(p.numel() for p in trained.model.parameters()),
        "train_seconds_to_these_weights": round(trained.elapsed, 3),
        "evaluate_seconds": round(seconds, 3),
        "images_per_second": round(len(split) / seconds, 1),
    }
    return Report(metrics(found), cost, origin), found


def _provenance(
    trained: Trained, dataset: Dataset, split: str, device: Device
) -> dict[str, object]:
    with trained.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "run": trained.title,
        "checkpoint": str(trained.path),
        "checkpoint_sha256": digest,
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
