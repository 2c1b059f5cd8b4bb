"""Checkpoints: plain data in torch's zip format, committed by a sidecar with size and sha256."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import IO, Any, Literal, cast, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from cnn_cli import sidecar
from cnn_cli.data.contract import Preprocessing
from cnn_cli.engine import archive
from cnn_cli.errors import UserError
from cnn_cli.files import check_space, replacing, write_json
from cnn_cli.run import Run

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
    recorded: int | None = None
    """the step of the last line of metrics.jsonl, as far as it is known; absent in older files"""
    pace: dict[str, Any] | None = None
    """of a training under a time budget, see engine.budget; absent in older files"""


KEPT = 2
"""Newest checkpoints that are kept, beside the best: should the last be damaged, one is left."""

MOST_STEPS = 1 << 40
MARGIN = 1 << 16
"""Bytes of a checkpoint beside its tensors, generously."""


class NonFiniteError(Exception):
    """Weights that nobody would want back: a checkpoint must not replace good ones by them."""


def save(run: Run, checkpoint: Checkpoint) -> Path:
    """Write the file, then its sidecar, then the pointers; then remove what is no longer kept.

    At every moment the folder holds a whole checkpoint that is committed by its sidecar. Raises
    OSError or RuntimeError (torch, on a full disk) with the files of earlier saves untouched, and
    NonFiniteError.
    """
    check_finite(checkpoint)
    folder = run.checkpoints
    folder.mkdir(exist_ok=True)
    check_space(folder, size(checkpoint) + MARGIN)
    path = folder / sidecar.name_of(checkpoint.step)
    with replacing(path, outdated=sidecar.path_of(path)) as file:
        torch.save(_plain(checkpoint), cast("IO[bytes]", file))  # it only writes
    archive.check(path)  # what could not be read again is no checkpoint
    sidecar.write(path, checkpoint.step, file.size, file.sha256)
    point(run, path, checkpoint.best_step)
    return path


def point(run: Run, path: Path, best_step: int | None) -> None:
    """Make `path` the last checkpoint and that of `best_step` the best; remove what nobody keeps.

    Which is the best is known to the training itself: a best.json that is damaged is written anew.
    last.json is also a journal: `kept` are the files that this run has written, newest first, and
    `obsolete` those to remove, which a process that was killed has left to the next one. What
    somebody else has put there stays.
    """
    folder = run.checkpoints
    best = None if best_step is None else sidecar.name_of(best_step)
    best = best if best and (folder / best).is_file() else None
    if best and sidecar.named(folder / "best.json") != best:
        write_json(folder / "best.json", {"step": best_step, "checkpoint": best})
    before = _journal(run)
    written = list(dict.fromkeys([path.name, *before["kept"]]))
    kept = [name for place, name in enumerate(written) if place < KEPT or name == best]
    dropped = (name for name in (*written, *before["obsolete"]) if name not in kept)
    obsolete = [name for name in dropped if (folder / name).exists()]
    record = {"step": int(path.stem.partition("-")[2]), "checkpoint": path.name, "best": best}
    write_json(folder / "last.json", {**record, "kept": kept, "obsolete": obsolete})
    for name in obsolete:
        sidecar.calibration_of(folder / name).unlink(missing_ok=True)
        sidecar.path_of(folder / name).unlink(missing_ok=True)
        (folder / name).unlink(missing_ok=True)


def adopt(run: Run, path: Path, saved: Checkpoint) -> None:
    """Go on from the checkpoint at `path`: the pointers of a save that was killed are made good."""
    point(run, path, saved.best_step)


def _journal(run: Run) -> dict[str, list[str]]:
    """`kept` and `obsolete` of last.json; empty where it is of an older version, or damaged."""
    try:
        record = json.loads((run.checkpoints / "last.json").read_text())
        lists = {key: _own(record[key]) for key in ("kept", "obsolete")}
    except (OSError, ValueError, KeyError, TypeError):
        before = [path.name for path in (run.pointer("last"), run.pointer("best")) if path]
        return {"kept": list(dict.fromkeys(before)), "obsolete": []}
    return lists


def _own(names: Sequence[object]) -> list[str]:
    """Those that are names of checkpoints: a folder may come from anywhere."""
    return [name for name in names if isinstance(name, str) and sidecar.NAME.fullmatch(name)]


def check_finite(checkpoint: Checkpoint) -> None:
    """Raise NonFiniteError where a weight, a buffer or a part of the optimizer is not finite."""
    parts: dict[str, dict[str, Any]] = {"model": checkpoint.model, "ema": checkpoint.ema or {}}
    parts |= {f"optimizer.{key}": part for key, part in checkpoint.optimizer["state"].items()}
    for part, tensors in parts.items():
        for name, tensor in tensors.items():
            if isinstance(tensor, Tensor) and not bool(tensor.isfinite().all()):
                raise NonFiniteError(f"{part}.{name} is not finite")


AROUND_ALL, AROUND_EACH = 1 << 14, 1 << 9
"""Bytes of a file's description, and of a tensor's own header in it, generously."""


def size(checkpoint: Checkpoint) -> int:
    """Bytes of its file, at most: those of its tensors, and what is written around them."""
    parts: list[object] = [checkpoint.model, checkpoint.ema, checkpoint.optimizer, checkpoint.rows]
    found = AROUND_ALL + len(checkpoint.config)
    while parts:
        part = parts.pop()
        if isinstance(part, Tensor):
            found += part.nbytes + AROUND_EACH
        elif isinstance(part, Mapping):
            parts.extend(part.values())
        elif isinstance(part, list | tuple):
            parts.extend(part)
    return found


def _plain(checkpoint: Checkpoint) -> dict[str, Any]:
    """Only what torch.load(weights_only=True) accepts."""
    fields = {key: value for key, value in vars(checkpoint).items() if key != "preprocessing"}
    fields["classes"] = list(checkpoint.classes)
    fields["preprocessing"] = dict(vars(checkpoint.preprocessing))
    return {"format": FORMAT, **fields}


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
    if not _is_in_range(made):
        raise UserError(f"{path}: not a checkpoint of cnn-train: its counts are none")
    if sidecar.NAME.fullmatch(path.name) and path.name != sidecar.name_of(made.step):
        raise UserError(f"{path}: holds step {made.step}, not the one of its name")
    return made


def _is_in_range(made: Checkpoint) -> bool:
    """Whether steps, bytes and seconds can be what they are called."""
    steps = (made.step, made.stale, made.best_step or 0, made.recorded or 0)
    figures = (made.elapsed, made.best or 0.0, made.best_loss or 0.0)
    return (
        0 < made.total < MOST_STEPS
        and all(0 <= step <= made.total for step in steps)
        and made.metrics_bytes >= 0
        and made.elapsed >= 0
        and all(map(math.isfinite, figures))
    )


def _of_wrong_type(made: Checkpoint | Preprocessing) -> list[str]:
    """Fields whose value has another type than their annotation: a file may come from anywhere."""
    hints = get_type_hints(type(made))
    return [name for name, hint in hints.items() if not _is(getattr(made, name), hint)]


def _is(value: object, hint: Any) -> bool:
    """Whether `value` is what the annotation says, down to the parts of a dict or tuple."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is UnionType:
        return any(_is(value, part) for part in arguments)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, tuple) and all(_is(item, arguments[0]) for item in value)
    if origin is dict:
        parts = value.items() if isinstance(value, dict) else [(None, None)]
        return all(_is(key, arguments[0]) and _is(part, arguments[1]) for key, part in parts)
    return isinstance(value, origin or hint)


def read_config(path: Path) -> str:
    """The YAML text of the config that a checkpoint was trained with."""
    return load(path).config


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
    }


def _read(path: Path) -> dict[str, Any]:
    if reason := sidecar.fault(path):
        raise UserError(f"{path}: {reason}")
    try:
        archive.check(path)
    except archive.NotAnArchiveError as error:
        raise UserError(f"{path}: not a checkpoint: {error}") from error
    try:
        # weights_only: a checkpoint is data and may come from anywhere; nothing in it is executed.
        fields = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file it does not accept
        raise UserError(
            f"{path}: not a checkpoint that is safe to load ({_reason(error)})"
        ) from error
    if not isinstance(fields, dict) or "format" not in fields:
        raise UserError(f"{path}: not a checkpoint of cnn-train")
    number = fields.pop("format")
    if not isinstance(number, int):
        raise UserError(f"{path}: not a checkpoint of cnn-train")
    if number != FORMAT:
        raise UserError(f"{path}: written in format {number}; this version reads format {FORMAT}")
    return fields


def _reason(error: Exception) -> str:
    """What torch found, without its advice to load the file unsafely."""
    text = (str(error) or type(error).__name__).rpartition("WeightsUnpickler error: ")[2]
    return text.splitlines()[0][:200]
