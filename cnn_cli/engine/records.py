"""What an epoch gave, and metrics.jsonl, which holds one line for each."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_cli.files import flush_folder


@dataclass(frozen=True)
class Figures:
    """Means over training steps: loss in nats, share of right answers, norm of the gradient.

    Steps that fp16 skipped count in the first two only; the norm is 0 where it skipped them all.
    """

    loss: float
    accuracy: float
    grad_norm: float
    learning_rate: float
    skipped: int = 0
    """steps that were not finite, and changed nothing"""


@dataclass(frozen=True)
class Record:
    """One finished epoch (from 1). Times in seconds since the start of training."""

    step: int
    epoch: int
    train: Figures
    validation: dict[str, float] | None
    validated: bool
    best: bool
    elapsed: float
    images_per_second: float

    def line(self) -> dict[str, Any]:
        """The JSON object of metrics.jsonl; what differs between equal runs stands under `time`."""
        return {
            "step": self.step,
            "epoch": self.epoch,
            "lr": self.train.learning_rate,
            "train": {
                "loss": self.train.loss,
                "accuracy": self.train.accuracy,
                "grad_norm": self.train.grad_norm,
                "skipped": self.train.skipped,
            },
            "val": self.validation,
            "best": self.best,
            "time": {
                "elapsed": round(self.elapsed, 3),
                "images_per_second": round(self.images_per_second, 1),
            },
        }

    def text(self) -> bytes:
        """The line as it is written."""
        return (json.dumps(self.line()) + "\n").encode()


def append(path: Path, offset: int, lines: bytes) -> int:
    """Write `lines` at byte `offset`, or at the end, cutting off what a lost run left behind it.

    Returns the new length in bytes. Raises OSError with the old lines in place.
    """
    is_new = not path.exists()
    with path.open("w+b" if is_new else "r+b") as file:
        file.truncate(min(offset, file.seek(0, os.SEEK_END)))
        file.seek(0, os.SEEK_END)
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())
        end = file.tell()
    if is_new:
        flush_folder(path.parent)
    return end


def lines_until(path: Path, step: int) -> int:
    """Bytes of the whole lines of a file that are of steps up to `step`; damaged ones stay."""
    if not path.exists():
        return 0
    end = 0
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n") or _step(line) > step:
            break
        end += len(line)
    return end


def _step(line: bytes) -> int:
    """The step that a line is of; 0 where it is damaged."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 0
