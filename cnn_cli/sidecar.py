"""A checkpoint's sidecar, step-*.json: it states size and sha256, and that the save was completed.

torch.load checks neither the zip's checksums nor its length. Nothing here needs torch.
"""

import json
import re
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

from cnn_cli.files import size_and_hash, write_json

NAME = re.compile(r"step-\d{8,}\.ckpt")

UNREADABLE = (
    *(OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError),
    ValueError,  # of a name in the zip that is no UTF-8 any more, among others
)
"""What zipfile raises for a file that is damaged."""


def name_of(step: int) -> str:
    """The file of the checkpoint after `step` steps."""
    return f"step-{step:08d}.ckpt"


def path_of(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(".json")


def calibration_of(checkpoint: Path) -> Path:
    """Where the temperature fitted for it is kept."""
    return checkpoint.with_suffix(".calibration.json")


def write(checkpoint: Path, step: int, size: int, sha256: str) -> None:
    """Commit a checkpoint whose file is on the disk."""
    record = {"step": step, "checkpoint": checkpoint.name, "size": size, "sha256": sha256}
    write_json(path_of(checkpoint), record)


def fault(checkpoint: Path) -> str:
    """What is wrong with the file: "" where it is as its sidecar states.

    Without a sidecar, the zip's own checksums are compared. Cheap when asked again.
    """
    try:
        stat = checkpoint.stat()
        sidecar = path_of(checkpoint)
        beside = sidecar.stat().st_mtime_ns if sidecar.is_file() else 0
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return _fault(checkpoint, stat.st_ino, stat.st_size, stat.st_mtime_ns, beside)


@cache
def _fault(checkpoint: Path, _node: int, size: int, _changed: int, beside: int) -> str:
    try:
        if not zipfile.is_zipfile(checkpoint):
            return "not a checkpoint (no zip file, or one that was cut off)"
        if not beside:
            with zipfile.ZipFile(checkpoint) as archive:
                damaged = archive.testzip()
            return f"damaged ({damaged} fails its checksum)" if damaged else ""
        stated = _read(path_of(checkpoint))
        if stated is None:
            return (
                f"its {path_of(checkpoint).name} cannot be read (were that file not there, the"
                " checkpoint's own checksums would count)"
            )
        if NAME.fullmatch(checkpoint.name) and stated[2] != checkpoint.name:
            return f"its {path_of(checkpoint).name} is of {stated[2]}"
        if stated[:2] != (size, *size_and_hash(checkpoint)[1:]):
            return f"damaged: size or sha256 differ from {path_of(checkpoint).name}"
    except UNREADABLE as error:
        return f"damaged ({error})"
    return ""


def _read(sidecar: Path) -> tuple[int, str, str] | None:
    try:
        record: Any = json.loads(sidecar.read_bytes())
        return record["size"], record["sha256"], str(record["checkpoint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def named(file: Path, key: str = "checkpoint") -> str | None:
    """The checkpoint that a pointer (best.json, last.json) names; None where it says nothing sure.

    The step beside it has to be that of its name.
    """
    try:
        record: Any = json.loads(file.read_bytes())
        name = record[key]
        if not NAME.fullmatch(name) or name_of(record["step"]) != record["checkpoint"]:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(name)


def committed(folder: Path) -> list[Path]:
    """The checkpoints in `folder` that have a sidecar, the furthest step first."""
    there = [path for path in folder.glob("step-*.ckpt") if path_of(path).is_file()]
    return sorted(there, key=lambda path: path.name, reverse=True)
