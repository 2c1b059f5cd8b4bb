"""What there is to say of every run in a folder, whatever state it is in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from cnn_cli import sidecar
from cnn_cli.config import short_name
from cnn_cli.config_text import from_yaml
from cnn_cli.errors import UserError
from cnn_cli.lock import holder
from cnn_cli.report.intervals import wilson
from cnn_cli.run import CROSS_VALIDATION, SWEEPS, Run

State = Literal["finished", "stopped", "running", "damaged"]
Kind = Literal["run", "sweep", "folds"]


@dataclass(frozen=True)
class Entry:
    """One run, or the jobs of a sweep or the folds of a cross-validation together.

    What is not known is None: figures of a run that has no report, the data set of a run whose
    config cannot be read.
    """

    folder: Path
    name: str
    kind: Kind
    saved: float
    """when it last saved something, in seconds since 1970"""
    state: State
    dataset: str | None = None
    model: str | None = None
    epochs: int | None = None
    """done; of jobs and folds how many are finished"""
    planned: int | None = None
    """epochs, None under a time budget; jobs or folds in all"""
    validation: float | None = None
    """accuracy of the best weights on validation pictures"""
    test: float | None = None
    """accuracy that the report has"""
    interval: tuple[float, float] | None = None
    split: str | None = None
    """part of the data that the report is on"""
    images: int | None = None
    seconds: float | None = None
    """of training"""
    parameters: int | None = None
    problem: str = ""
    """what is wrong with it"""

    @property
    def when(self) -> datetime:
        """Local time."""
        return datetime.fromtimestamp(self.saved)


def entries(folder: Path, *, jobs: bool) -> list[Entry]:
    """The runs in `folder`, or the one that it is; with `jobs` those of sweeps and folds as well.

    Raises UserError where the folder is not there or cannot be read.
    """
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "is not there"
        raise UserError(
            f"{folder}: {what}; name the folder that holds your runs (cnn-train makes one in"
            " ./runs)"
        )
    if _is_run(folder):
        return [_run(folder, folder.resolve().name)]
    return list(_inside(folder, "", jobs))


def _inside(folder: Path, above: str, jobs: bool) -> Iterator[Entry]:
    for child in _children(folder):
        name = f"{above}{child.name}"
        if child.name == SWEEPS and not above:
            for sweep in _children(child):
                yield from _together(sweep, f"{name}/{sweep.name}", "sweep", jobs)
        elif _is_folds(child):
            yield from _together(child, name, "folds", jobs)
        elif _is_run(child):
            yield _run(child, name)


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {error.strerror}") from error


def _is_run(folder: Path) -> bool:
    run = Run(folder)
    return run.config.is_file() or run.checkpoints.is_dir() or run.is_reported


def _is_folds(folder: Path) -> bool:
    return (folder / CROSS_VALIDATION).is_file() or any(folder.glob("fold-*/config.yaml"))


def _together(folder: Path, name: str, kind: Kind, jobs: bool) -> Iterator[Entry]:
    """The runs in a sweep's or cross-validation's folder, one by one or as one."""
    found = list(_inside(folder, f"{name}/", jobs=True))
    if jobs or not found:
        yield from found
        return
    states = [entry.state for entry in found]
    order: tuple[State, ...] = ("running", "damaged", "stopped", "finished")
    same = {field: _shared(found, field) for field in ("dataset", "model", "parameters", "split")}
    best = max(found, key=lambda e: -1.0 if e.validation is None else e.validation)
    figures: dict[str, Any] = {
        "validation": best.validation,
        "test": best.test,
        "interval": best.interval,
        "images": best.images,
    }
    if kind == "folds":
        figures = _of_folds(folder)
    seconds = [entry.seconds for entry in found if entry.seconds is not None]
    yield Entry(
        folder,
        name,
        kind,
        max(entry.saved for entry in found),
        next(state for state in order if state in states),
        seconds=sum(seconds) if seconds else None,
        epochs=states.count("finished"),
        planned=len(states),
        problem="; ".join(dict.fromkeys(e.problem for e in found if e.problem)),
        **same,
        **figures,
    )


def _shared(found: Sequence[Entry], field: str) -> Any:
    """What all have in common; None where they differ."""
    values = {getattr(entry, field) for entry in found}
    return values.pop() if len(values) == 1 else None


def _of_folds(folder: Path) -> dict[str, Any]:
    """The figures of all folds together; none where they are not all there."""
    record = _json(folder / CROSS_VALIDATION)
    try:
        pooled, mean = record["pooled"], record["mean"]["accuracy"]
        low, high = record["accuracy_interval"]
        return {
            "validation": record["validation_accuracy"],
            "test": float(mean),
            "interval": (max(0.0, float(low)), min(1.0, float(high))),
            "images": int(pooled["images"]),
        }
    except (KeyError, TypeError, ValueError):
        return {}


def _run(folder: Path, name: str) -> Entry:
    run, problems = Run(folder), list[str]()
    config = _config(run, problems)
    report = _report(run, problems)
    lines = run.read_metrics() if run.metrics.is_file() else ()
    last = lines[-1] if lines else None
    if not run.saved() and not run.is_reported:
        problems.append("no checkpoint")
    elif (named := sidecar.named(run.checkpoints / "last.json")) and not (
        run.checkpoints / named
    ).is_file():
        problems.append(f"{named} is not there")
    trainer = config.get("trainer")
    trainer = trainer if isinstance(trainer, Mapping) else {}
    planned = trainer.get("epochs") if trainer.get("budget") is None else None
    epochs = int(last["epoch"]) if last else 0 if isinstance(planned, int) else None
    time = last.get("time") if last else None
    elapsed = _number(time.get("elapsed")) if isinstance(time, Mapping) else None
    return Entry(
        folder,
        name,
        "run",
        _saved(run),
        _state(run, bool(report), problems),
        dataset=_word(config, "dataset") or report.get("dataset"),
        model=_word(config, "model"),
        epochs=epochs,
        planned=planned if isinstance(planned, int) else None,
        validation=_validation(lines, report.get("step")),
        test=report.get("accuracy"),
        interval=report.get("interval"),
        split=report.get("split"),
        images=report.get("images"),
        seconds=report.get("seconds") or elapsed,
        parameters=report.get("parameters"),
        problem="; ".join(problems),
    )


def _state(run: Run, has_report: bool, problems: list[str]) -> State:
    process = holder(run.folder)
    if process is not None:
        problems.clear()  # what a training has not written yet is nothing wrong
        return "running"
    if problems:
        return "damaged" if problems != ["no checkpoint"] else "stopped"
    return "finished" if has_report else "stopped"


def _saved(run: Run) -> float:
    files = (run.report / "report.json", run.config, run.folder)
    times = [path.stat().st_mtime for path in files if path.exists()]
    return run.last_saved / 1e9 or max(times)


def _config(run: Run, problems: list[str]) -> dict[str, Any]:
    if not run.config.is_file():
        problems.append("config.yaml is not there")
        return {}
    try:
        return from_yaml(run.config.read_text(encoding="utf-8"))
    except (UserError, OSError, UnicodeDecodeError):
        problems.append("config.yaml cannot be read")
        return {}


def _word(config: Mapping[str, Any], group: str) -> str | None:
    node = config.get(group)
    known = isinstance(node, Mapping) and "_target_" in node
    return short_name(node) if known and isinstance(node, Mapping) else None


def _report(run: Run, problems: list[str]) -> dict[str, Any]:
    """What the list tells of the report; empty where there is none, or it is damaged."""
    path = run.report / "report.json"
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
        metrics, cost, origin = found["metrics"], found["cost"], found["provenance"]
        accuracy, images = float(metrics["accuracy"]), int(metrics["images"])
        low, high = metrics.get("intervals", {}).get("accuracy") or wilson(
            round(accuracy * images), images
        )
        return {
            "accuracy": accuracy,
            "images": images,
            "interval": (float(low), float(high)),
            "split": origin.get("split"),
            "dataset": origin.get("dataset"),
            "step": origin.get("step"),
            "seconds": _number(cost.get("train_seconds")),
            "parameters": cost.get("parameters"),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        problems.append("report.json cannot be read")
        return {}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}


def _validation(lines: Sequence[Mapping[str, Any]], step: object) -> float | None:
    """Of the reported weights, else of those that were the best so far."""
    known = [
        line for line in lines if isinstance(line["val"], Mapping) and "accuracy" in line["val"]
    ]
    chosen = [line for line in known if line["step"] == step]
    chosen = chosen or [line for line in known if line.get("best")]
    return float(chosen[-1]["val"]["accuracy"]) if chosen else None


def _number(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and isinstance(value, int | float) else None
