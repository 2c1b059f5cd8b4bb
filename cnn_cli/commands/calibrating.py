"""The temperature of a checkpoint: fitted on validation pictures, kept beside it, used on request.

step-*.calibration.json names the checkpoint's sha256, so that it is never used for other weights.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnn_cli.commands.trained import Trained
from cnn_cli.data.contract import Dataset
from cnn_cli.device import Device
from cnn_cli.engine.display import Display, counting
from cnn_cli.engine.predict import Predictions, predict
from cnn_cli.errors import UserError
from cnn_cli.files import size_and_hash, write_json
from cnn_cli.report.calibration import surety
from cnn_cli.report.temperature import LIMITS, fitted, scaled
from cnn_cli.sidecar import calibration_of


def calibrated(found: Predictions, temperature: float) -> Predictions:
    """The same predictions, as sure as the temperature makes them."""
    return replace(found, probabilities=scaled(found.probabilities, temperature))


def ready(
    trained: Trained, dataset: Dataset, device: Device, batch_size: int, display: Display
) -> Trained:
    """The same model with its temperature: the one kept beside its checkpoint, else a new one."""
    if trained.tta != "none":
        raise UserError(
            f"calibrated=true: the temperature is one for single views, and tta={trained.tta}"
            " averages several; leave one of them out"
        )
    if read(calibration_of(trained.path), size_and_hash(trained.path)[1]) is None:
        return fit(trained, dataset, device, batch_size, display)
    return with_temperature(trained, display)


def with_temperature(trained: Trained, display: Display) -> Trained:
    """The same model, with the temperature kept beside its checkpoint.

    Raises UserError where there is none, or one of other weights.
    """
    path = calibration_of(trained.path)
    record = read(path, size_and_hash(trained.path)[1])
    if record is None:
        known = f"{path} is damaged, or of other weights than"
        lacking = known if path.exists() else "no temperature was fitted for"
        raise UserError(
            f"calibrated=true: {lacking} {trained.path.name}; fit it by:"
            f" cnn-train evaluate checkpoint={trained.path} calibrated=true"
        )
    display.say(told(record), markup=False)
    return replace(trained, temperature=float(record["temperature"]))


def fit(
    trained: Trained, dataset: Dataset, device: Device, batch_size: int, display: Display
) -> Trained:
    """Fit the temperature on the validation split, write it beside the checkpoint, and say so.

    Gives the model with it. Raises UserError where no pictures were put aside in its training.
    """
    if dataset.fingerprint != trained.fingerprint:
        raise UserError(
            "calibrated=true: a temperature is fitted on the validation pictures of the training,"
            f" and {dataset.name} is not the data it had; evaluate those once with calibrated=true"
        )
    if not len(dataset.val):
        raise UserError(
            "calibrated=true: the training put no validation pictures aside"
            " (dataset.val_fraction=0), and a temperature is fitted on those"
        )
    with counting(display.console, "val split", len(dataset.val)) as advance:
        split = dataset.val.to(device.place)
        found = predict(trained.model, split, trained.classes, device, batch_size, advance)
    temperature = fitted(found.probabilities, found.labels)
    record = {
        "checkpoint": trained.path.name,
        "sha256": size_and_hash(trained.path)[1],
        "temperature": temperature,
        "split": "val",
        "images": len(found.labels),
        "before": surety(found.probabilities, found.labels),
        "after": surety(scaled(found.probabilities, temperature), found.labels),
    }
    display.say(told(record), markup=False)
    try:
        write_json(calibration_of(trained.path), record)
    except OSError as error:  # a folder that cannot be written: it is used here all the same
        display.warn(f"the temperature is not kept for later: {error.filename}: {error.strerror}")
    return replace(trained, temperature=temperature)


def told(record: Mapping[str, Any]) -> str:
    """What a temperature does to the pictures it was fitted on."""
    before, after = record["before"], record["after"]
    return (
        f"temperature {record['temperature']:.3f}, of {record['images']:,} validation pictures:"
        f" calibration error {before['ece']:.2%} to {after['ece']:.2%},"
        f" loss {before['loss']:.4f} to {after['loss']:.4f}"
    )


def read(path: Path, sha256: str) -> dict[str, Any] | None:
    """What was fitted for these very weights; None where nothing was, or the file is damaged."""
    try:
        found = json.loads(path.read_bytes())
        record: dict[str, Any] = {
            "sha256": str(found["sha256"]),
            "temperature": float(found["temperature"]),
            "images": int(found["images"]),
        }
        for part in ("before", "after"):
            record[part] = {name: float(found[part][name]) for name in ("loss", "ece")}
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError):
        return None
    figures = [value for part in ("before", "after") for value in record[part].values()]
    whole = (
        record["sha256"] == sha256
        and LIMITS[0] <= record["temperature"] <= LIMITS[1]
        and not isinstance(found["temperature"], bool)
        and record["images"] > 0
        and all(0 <= value < float("inf") for value in figures)
    )
    return record if whole else None
