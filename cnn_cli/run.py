"""The run's folder: the names in it, and how it is found again."""

import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from cnn_cli import sidecar
from cnn_cli.errors import UserError, closest
from cnn_cli.files import check_writable

SWEEPS = "sweeps"
"""Folder under run.root that holds the jobs of multirun sweeps; `latest` leaves them out."""

CHECKS = "checks"
"""Folder under run.root that holds what checks of set-ups found."""

COMPARISONS = "compare"
"""Folder under run.root that holds what comparisons of runs found."""

CROSS_VALIDATION = "crossvalidation.json"
"""What the folds of a cross-validation came to, in the folder that holds theirs."""


@dataclass(frozen=True)
class Run:
    """One run's folder."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.jsonl"

    @property
    def log(self) -> Path:
        return self.folder / "train.log"

    @property
    def environment(self) -> Path:
        return self.folder / "environment.json"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def report(self) -> Path:
        return self.folder / "report"

    @property
    def is_reported(self) -> bool:
        """Whether the report was completed: report.json is its last file."""
        return (self.report / "report.json").is_file()

    @property
    def last_saved(self) -> int:
        """When the last checkpoint was written, in nanoseconds; 0 where there is none."""
        return max((path.stat().st_mtime_ns for path in self.saved()), default=0)

    def pointer(self, name: Literal["best", "last"]) -> Path | None:
        """The checkpoint that best.json or last.json names, if it is there."""
        named = sidecar.named(self.checkpoints / f"{name}.json")
        path = self.checkpoints / (named or "")
        return path if path.is_file() else None

    def best(self) -> tuple[Path | None, str]:
        """The best checkpoint, if it is there, and what is wrong with best.json or with it.

        What best.json should say stands in last.json as well.
        """
        file, last = self.checkpoints / "best.json", self.checkpoints / "last.json"
        own, other = sidecar.named(file), sidecar.named(last, "best")
        newest = sidecar.named(last) or ""
        if own is None:
            wrong = f"{file}: cannot be read" if file.exists() else f"{file}: is not there"
            wrong = wrong if other or file.exists() else ""  # as in a run without validation
        elif other and own != other and own <= newest:  # not of a save that was cut short
            wrong = f"{file}: names {own}, and {last.name} says {other}"
            # A name and a step that agree are rarely both wrong; a single name may be.
            other = own if (self.checkpoints / own).is_file() else other
        else:
            other, wrong = own, ""
        path = self.checkpoints / (other or "")
        if other and not path.is_file():
            return None, f"{path}: the best checkpoint is not there"
        return (path if other else None), wrong

    def saved(self) -> list[Path]:
        """The checkpoints, the furthest step first; at the end those whose save was cut short.

        One that best.json or last.json names was completed, though its sidecar may be lost.
        """
        named = (self.pointer("best"), self.pointer("last"))
        whole = {*sidecar.committed(self.checkpoints), *(path for path in named if path)}
        others = sorted(self.checkpoints.glob("step-*.ckpt"), reverse=True)
        return list(dict.fromkeys([*sorted(whole, reverse=True), *others]))

    def read_metrics(self) -> tuple[dict[str, Any], ...]:
        """The lines of metrics.jsonl that are whole; empty where there is none."""
        if not self.metrics.is_file():
            return ()
        # The last line of a killed run may be cut; a resume writes it anew.
        found = (_figures(line) for line in self.metrics.read_bytes().splitlines())
        return tuple(line for line in found if line is not None)

    def missing_epochs(self) -> list[int]:
        """Those between the first and the last line of metrics.jsonl that have none."""
        there = {line["epoch"] for line in self.read_metrics()}
        return [epoch for epoch in range(1, max(there, default=0)) if epoch not in there]

    def validation_accuracy(self, step: int) -> float | None:
        """What metrics.jsonl has for the weights of `step`; None where they were not validated."""
        found = [row["val"] for row in self.read_metrics() if row["step"] == step]
        return float(found[0]["accuracy"]) if found and found[0] else None

    def clear_report(self) -> None:
        """Make an empty report folder; an earlier report is kept as report-1, report-2, ..."""
        if self.report.exists():
            numbers = range(1, 10_000)
            names = (self.folder / f"{self.report.name}-{number}" for number in numbers)
            self.report.rename(next(name for name in names if not name.exists()))
        self.report.mkdir()


def stamp() -> str:
    """The local time as it stands in folder names, e.g. 2026-11-22_15-41-29."""
    return datetime.now().strftime("%Y-%m-%d_%H-%M-%S")


def new_folder(parent: Path, name: str) -> Path:
    """Make a folder of that name under `parent`; where it exists, name-2, name-3, ..."""
    for number in range(1, 10_000):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(f"{folder}: cannot be made: {error.strerror}") from error
        return folder
    raise UserError(f"{parent / name}: ten thousand folders of this name are there")


def run_folder(root: Path, directory: str | None, name: str | None, what: str) -> Path:
    """The folder that a new run will have, checked but not made.

    `directory` is run.dir, `name` run.name, `what` the middle of a generated name.
    Raises UserError if the folder is there and not empty, or cannot be written.
    """
    if directory is not None:
        folder, key = Path(directory), "run.dir"
    elif name is not None:
        folder, key = root / name, "run.name"
    else:
        letters = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz") for _ in range(6))
        folder, key = root / f"{stamp()}_{what}_{letters}", "run.root"
    check_writable(folder, key)
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(
            f"{key}: {folder} is not empty; choose another name, or go on with resume={folder}"
        )
    return folder


def runs(root: Path) -> list[Run]:
    """The runs under `root` that have a checkpoint, the last one saved first; no jobs of sweeps."""
    if not root.is_dir():
        return []
    found = [Run(folder) for folder in root.iterdir() if folder.name != SWEEPS]
    found = [run for run in found if run.config.is_file() and run.saved()]
    return sorted(found, key=lambda run: run.last_saved, reverse=True)


def _figures(line: bytes) -> dict[str, Any] | None:
    """A line of metrics.jsonl; None for one that is damaged."""
    try:
        found: Any = json.loads(line)
        numbers = [found["step"], found["epoch"], *found["train"].values()]
        numbers += (found["val"] or {}).values()
        if all(value is None or isinstance(value, int | float) for value in numbers):
            return dict(found)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


@dataclass(frozen=True)
class Found:
    """A checkpoint file that is whole, and what to tell of those passed over for it."""

    path: Path
    notes: tuple[str, ...] = ()


def find_checkpoint(ref: str, root: Path, prefer: Literal["best", "last"]) -> Found:
    """The checkpoint file that REF means: `latest`, a run's folder or name, or a checkpoint file.

    Of a run, the best where preferred, else the one furthest on; a damaged one is passed over.
    Raises UserError that says which runs there are, or what is wrong with all checkpoints.
    """
    meant = find_run(ref, root)
    if isinstance(meant, Run):
        return _soundest(meant, prefer, ref)
    if sidecar.path_of(meant).is_file():
        return Found(meant)
    return Found(meant, (f"{meant}: has no {sidecar.path_of(meant).name}; its own checksums hold",))


def find_run(ref: str, root: Path) -> Run | Path:
    """The run that REF means, or the file. Raises UserError where there is neither."""
    if ref == "latest":
        found = runs(root)
        if not found:
            raise UserError(
                f"checkpoint=latest: no run with a checkpoint under {root}; train one first"
            )
        return found[0]
    for path in (Path(ref), root / ref, *ending(ref, root)):
        if path.is_file():
            return path
        if Run(path).checkpoints.is_dir():
            return Run(path)
        if folds := sorted(fold.name for fold in path.glob("fold-*") if fold.is_dir()):
            raise UserError(
                f"{ref}: holds the folds of a cross-validation, {', '.join(folds)}, and each is a"
                f" run; name one: {path / folds[0]}"
            )
    names = [run.folder.name for run in runs(root)]
    there = (
        f"runs under {root}: {', '.join(names[:8])}" if names else f"there is no run under {root}"
    )
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    raise UserError(f"{ref}: no such run or checkpoint file{closest(ref, names)}; {there}{more}")


def ending(ref: str, root: Path) -> list[Path]:
    """The folder of the one run whose generated name ends in `ref`, its six letters; else none."""
    if not re.fullmatch(r"[a-z]{6}", ref) or not root.is_dir():
        return []
    pattern = f"????-??-??_??-??-??_*_{ref}"
    found = [path for path in root.glob(pattern) if path.is_dir()]
    return found if len(found) == 1 else []


def _soundest(run: Run, prefer: Literal["best", "last"], ref: str) -> Found:
    """The first of the run's checkpoints that is whole, in the order of preference."""
    best, wrong = run.best() if prefer == "best" else (None, "")
    saved = run.saved()
    faults = [wrong] if wrong else []
    last = sidecar.named(run.checkpoints / "last.json")
    if prefer == "last" and last and not (run.checkpoints / last).exists():
        faults.append(f"{run.checkpoints / last}: is not there")
    for path in dict.fromkeys([*([best] if best else []), *saved]):
        reason = sidecar.fault(path)
        if not reason:
            notes = [f"{fault}; {path.name} is used instead" for fault in faults]
            if not sidecar.path_of(path).is_file():
                notes.append(f"{path}: has no {sidecar.path_of(path).name}; its own checksums hold")
            elif prefer == "last":
                notes += [
                    f"{other}: has no {sidecar.path_of(other).name}, so its save was cut short;"
                    f" {path.name} is used instead"
                    for other in saved
                    if other.name > path.name
                    and not sidecar.path_of(other).is_file()
                    and other.name != last
                ]
            return Found(path, tuple(notes))
        faults.append(f"{path}: {reason}")
    if faults:
        raise UserError(f"{ref}: no checkpoint of this run is whole", *faults)
    raise UserError(f"{ref}: {run.folder} holds no checkpoint")


def run_of(checkpoint: Path) -> Run | None:
    """The run that a checkpoint file lies in; None for a file on its own."""
    run = Run(checkpoint.resolve().parent.parent)
    known = run.config.is_file() or (run.checkpoints / "last.json").is_file()
    return run if known and checkpoint.parent.name == "checkpoints" else None
