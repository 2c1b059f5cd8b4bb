"""Checkpoints: plain data in torch's zip format, committed by a sidecar with size and sha256."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from cnn_cli.data.contract import Preprocessing
from cnn_cli.errors import UserError
from cnn_cli.run import Run, replacing, write_json

FORMAT = 1
"""Raised when a checkpoint's keys change their meaning."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds: enough to go on training, or to use the model anywhere."""

    model: dict[str, Tensor]
    ema: dict[str, Tensor] | None
    optimizer: dict[str, Any]
    scaler: dict[str, Any] | None
    step: int
    total: int
    best: float | None
    best_loss: float | None
    best_step: int | None
    stale: int
    """validations since the best one"""
    rows: Tensor
    """figures of the steps of the open epoch, see TrainState"""
    elapsed: float
    """seconds of training so far"""
    metrics_bytes: int
    """length of metrics.jsonl, which is cut to it on resume"""
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    config: str
    fingerprint: str
    versions: dict[str, str]
    watch: dict[str, Any] | None = None
    """of a schedule that listens to validations; absent in older files"""


def name_of(step: int) -> str:
    return f"step-{step:08d}.ckpt"


def save(run: Run, checkpoint: Checkpoint, is_best: bool) -> Path:
    """Write the file, then its sidecar, then the pointers; then remove what nothing names any more.

    Raises OSError or RuntimeError (torch, on a full disk) with the files of earlier saves
    untouched.
    """
    folder = run.checkpoints
    folder.mkdir(exist_ok=True)
    path = folder / name_of(checkpoint.step)
    record = {"step": checkpoint.step, "checkpoint": path.name}
    path.with_suffix(".json").unlink(missing_ok=True)  # of a save that was never committed
    with replacing(path) as file:
        torch.save(_plain(checkpoint), file)
    size, digest = _size_and_hash(path)
    write_json(path.with_suffix(".json"), {**record, "size": size, "sha256": digest})
    if is_best:
        write_json(folder / "best.json", record)
    write_json(folder / "last.json", record)
    _rotate(run)
    return path


def _plain(checkpoint: Checkpoint) -> dict[str, Any]:
    """Only what torch.load(weights_only=True) accepts."""
    fields = {key: value for key, value in vars(checkpoint).items() if key != "preprocessing"}
    fields["classes"] = list(checkpoint.classes)
    fields["preprocessing"] = dict(vars(checkpoint.preprocessing))
    return {"format": FORMAT, **fields}


def _size_and_hash(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _rotate(run: Run) -> None:
    """Remove this run's checkpoints that neither pointer names, and what a killed save left."""
    kept = {run.pointer("best"), run.pointer("last")}
    for path in run.checkpoints.glob("step-*.ckpt"):
        if path not in kept:
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
    for path in run.checkpoints.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def load(path: Path) -> Checkpoint:
    """Read and check a checkpoint. Raises UserError that says what is wrong with the file."""
    fields = _read(path)
    try:
        form = Preprocessing(**_tuples(fields["preprocessing"]))
        made = Checkpoint(**{**_tuples(fields), "preprocessing": form})
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a checkpoint of cnn-train: {error}") from error
    wrong = [*_of_wrong_type(made), *(f"preprocessing.{name}" for name in _of_wrong_type(form))]
    if wrong:
        raise UserError(f"{path}: not a checkpoint of cnn-train: wrong {', '.join(wrong)}")
    return made


def _of_wrong_type(made: Checkpoint | Preprocessing) -> list[str]:
    """Fields whose value has another type than their annotation: a file may come from anywhere."""
    hints = get_type_hints(type(made))
    return [name for name, hint in hints.items() if not _is(getattr(made, name), hint)]


def _is(value: object, hint: Any) -> bool:
    """Whether `value` is what the annotation says; keys and values of dicts are not looked at."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return any(_is(value, part) for part in arguments)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, tuple) and all(_is(item, arguments[0]) for item in value)
    return isinstance(value, origin or hint)


def read_config(path: Path) -> str:
    """The YAML text of the config that a checkpoint was trained with."""
    return load(path).config


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
    }


def _read(path: Path) -> dict[str, Any]:
    _verify(path)
    try:
        # weights_only: a checkpoint is data and may come from anywhere; nothing in it is executed.
        fields = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file it does not accept
        raise UserError(
            f"{path}: not a checkpoint that is safe to load ({_first_line(error)})"
        ) from error
    if not isinstance(fields, dict) or "format" not in fields:
        raise UserError(f"{path}: not a checkpoint of cnn-train")
    number = fields.pop("format")
    if number != FORMAT:
        raise UserError(f"{path}: written in format {number}; this version reads format {FORMAT}")
    return fields


def _verify(path: Path) -> None:
    """Compare with the sidecar, or else with the zip's own checksums: torch reads neither."""
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path}: not a checkpoint (no zip file, or one that was cut off)")
    sidecar = path.with_suffix(".json")
    if not sidecar.is_file():
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged:
            raise UserError(f"{path}: damaged ({damaged} fails its checksum)")
        return
    try:
        record = json.loads(sidecar.read_text())
        stated = record["size"], record["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: its {sidecar.name} cannot be read; without that file the checkpoint is"
            " checked by its own checksums alone"
        ) from error
    if stated != _size_and_hash(path):
        raise UserError(f"{path}: damaged: size or sha256 differ from {sidecar.name}")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
