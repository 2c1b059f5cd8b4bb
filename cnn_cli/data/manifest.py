"""Which files of a data set cannot be read: found once, remembered while they stay as they are."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from cnn_cli.data.contract import Preprocessing
from cnn_cli.data.decoding import Decoded
from cnn_cli.data.folder_tree import Files
from cnn_cli.data.inspection import unreadable
from cnn_cli.data.progress import progress
from cnn_cli.errors import UserError
from cnn_cli.files import write_json

CAP = 1000
"""One in so many training pictures may be left out; one in any case."""
SHOWN = 10

State = list[Any]
"""Size, time of change in nanoseconds, and the reason, "" where the file can be read."""


def without_unreadable(files: Files, form: Preprocessing, workers: int) -> tuple[Files, list[str]]:
    """The files that can be read, and notes on the others.

    All are decoded at the first time; what was found is kept in ~/.cache/cnn-train/manifests, and
    holds while a file keeps its size and time. Raises UserError for more than one in CAP.
    """
    if not files.paths:
        return files, []
    reasons = _reasons(files, form, workers)
    bad = [place for place, reason in enumerate(reasons) if reason]
    if not bad:
        return files, []
    if len(bad) > max(1, len(reasons) // CAP):
        raise UserError(
            f"dataset.unreadable=skip: {len(bad)} of {len(reasons)} training pictures cannot be"
            f" read, and at most 1 in {CAP:,} may be left out; repair or remove them",
            *(reasons[place] for place in bad[:SHOWN]),
        )
    lost = set(bad)
    keep = torch.tensor([i for i in range(len(reasons)) if i not in lost], dtype=torch.int64)
    listed = "; ".join(reasons[place] for place in bad[:SHOWN])
    return files.part(keep), [f"{len(bad)} training pictures are left out: {listed}"]


def _reasons(files: Files, form: Preprocessing, workers: int) -> list[str]:
    """Why each file cannot be read; "" where it can."""
    place = _place(files.paths)
    known = _read(place)
    states = [_state(path) for path in files.paths]
    fresh = [
        i
        for i, (path, state) in enumerate(zip(files.paths, states, strict=True))
        if known.get(str(path), [])[:2] != state
    ]
    if fresh:
        some = files.part(torch.tensor(fresh))
        split = Decoded(some.paths, some.labels, some.names, form, workers)
        with progress(f"reading {len(fresh)} pictures for the first time", len(fresh)) as advance:
            found = dict(unreadable(split, advance))
        for position, index in enumerate(fresh):
            known[str(files.paths[index])] = [*states[index], found.get(position, "")]
        _write(place, known)
    return [str(known[str(path)][2]) for path in files.paths]


def _state(path: Path) -> State:
    try:
        stat = path.stat()
    except OSError:
        return [-1, -1]
    return [stat.st_size, stat.st_mtime_ns]


def _place(paths: Sequence[Path]) -> Path:
    common = os.path.commonpath([os.path.abspath(path) for path in paths])  # noqa: PTH100 (no links)
    name = hashlib.sha256(common.encode(errors="surrogateescape")).hexdigest()[:16]
    return Path.home() / ".cache" / "cnn-train" / "manifests" / f"{name}.json"


def _read(place: Path) -> dict[str, State]:
    """What is remembered; nothing where the file is damaged: then all is looked at again."""
    try:
        found = json.loads(place.read_text())
        return {str(k): [int(v[0]), int(v[1]), str(v[2])] for k, v in found.items()}
    except (OSError, ValueError, TypeError, IndexError, AttributeError):
        return {}


def _write(place: Path, known: dict[str, State]) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_json(place, known)
    except OSError:  # a home that cannot be written to: then it is looked at again next time
        return
