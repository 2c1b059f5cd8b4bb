"""dataset.folds=K: one training for each fold as the test, and what they say together."""

import dataclasses
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from cnn_cli.commands import requirements
from cnn_cli.commands.overview import program
from cnn_cli.commands.requirements import Demands
from cnn_cli.config import TrainConfig
from cnn_cli.engine.display import Display, duration
from cnn_cli.errors import UserError
from cnn_cli.files import write_json
from cnn_cli.inputs import selection
from cnn_cli.lock import claimed
from cnn_cli.report.averaged import averaged
from cnn_cli.report.baseline import read_outcomes
from cnn_cli.report.intervals import cross_validated, wilson
from cnn_cli.run import CROSS_VALIDATION, Run
from cnn_cli.sections import TrainRequireConfig

NONE_REQUIRED = TrainRequireConfig(**dict.fromkeys(TrainRequireConfig.__dataclass_fields__))
TrainOnce = Callable[[TrainConfig, list[str], Path | None, Demands], int]


@dataclass(frozen=True)
class Fold:
    """What one training came to."""

    number: int
    metrics: Mapping[str, Any]
    validation: float | None
    """accuracy of the reported weights on validation pictures"""
    seconds: float
    trained_on: int
    """pictures"""


def wanted(config: TrainConfig) -> bool:
    """Whether the config asks for all folds."""
    chosen = selection(config.dataset)
    return config.resume is None and chosen.folds is not None and chosen.fold is None


def run(
    config: TrainConfig, overrides: list[str], folder: Path, wanted: Demands, train: TrainOnce
) -> int:
    """Train on each fold in folder/fold-1 .. fold-K; then mean, spread and interval.

    Returns the exit code: that of a signal, which ends all; 3 where a mean misses its threshold, or
    all folds together are worse than the baseline.
    """
    folds = selection(config.dataset).folds
    assert folds is not None
    display, together = Display(), dataclasses.replace(wanted, together=True)
    with claimed(folder, is_new=True):
        for number in range(1, folds + 1):
            display.say(f"\nfold {number} of {folds}", style="bold")
            place = folder / f"fold-{number}"
            code = 1
            is_wrong = False  # a wrong request: to go on with it leads nowhere
            try:
                code = train(_of_fold(config, number), overrides, place, together)
            except UserError:
                is_wrong = not place.exists()
                raise
            finally:
                if code and not is_wrong:
                    _stopped(display, overrides, folder, number, folds)
            if code:
                return code
        return conclude(config, folder, display, wanted)


def conclude(config: TrainConfig, folder: Path, display: Display, wanted: Demands) -> int:
    """Tell and write what all folds in `folder` say; 3 where one of `wanted` is missed."""
    folds = selection(config.dataset).folds or 0
    found = [_fold(folder, number) for number in range(1, folds + 1)]
    record = summary(found)
    write_json(folder / CROSS_VALIDATION, record)
    with display.logging(folder / "train.log"):
        _tell(display, found, record)
        files = [folder / f"fold-{i}" / "report" / "report.json" for i in range(1, folds + 1)]
        report = averaged(
            [json.loads(file.read_text()) for file in files],
            {"accuracy": [min(max(end, 0.0), 1.0) for end in record["accuracy_interval"]]},
        )
        verdicts = requirements.judge(wanted, report, lambda: read_outcomes(files))
        written = requirements.write(verdicts, report, folder)
        code = requirements.tell(verdicts, display)
        names = ", ".join([CROSS_VALIDATION, *(path.name for path in written)])
        display.say(f"wrote {folder}: {names}", markup=False)
    return code


def completed(config: TrainConfig, run: Path) -> Path | None:
    """The folder whose folds are all there now that `run` is, which was a fold trained alone."""
    chosen = selection(config.dataset)
    if chosen.folds is None or run.name != f"fold-{chosen.fold}":
        return None
    reports = [run.parent / f"fold-{i}/report/report.json" for i in range(1, chosen.folds + 1)]
    return run.parent if all(report.is_file() for report in reports) else None


def summary(folds: Sequence[Fold]) -> dict[str, Any]:
    """Means over the folds, spread and intervals of the accuracy, as plain JSON."""
    names = [
        name
        for name in folds[0].metrics
        if all(isinstance(fold.metrics[name], float) for fold in folds)
    ]
    accuracies = [fold.metrics["accuracy"] for fold in folds]
    sizes = [fold.metrics["images"] for fold in folds]
    right = sum(round(fold.metrics["accuracy"] * fold.metrics["images"]) for fold in folds)
    trained = sum(fold.trained_on for fold in folds)
    validations = [fold.validation for fold in folds if fold.validation is not None]
    return {
        "folds": [
            {
                "fold": fold.number,
                **{name: fold.metrics[name] for name in ("images", *names)},
                "train_images": fold.trained_on,
                "validation_accuracy": fold.validation,
                "train_seconds": fold.seconds,
            }
            for fold in folds
        ],
        "mean": {name: fmean(fold.metrics[name] for fold in folds) for name in names},
        "validation_accuracy": fmean(validations) if len(validations) == len(folds) else None,
        "accuracy_sd": stdev(accuracies),
        "accuracy_interval": list(cross_validated(accuracies, sum(sizes) / trained)),
        "pooled": {
            "right": right,
            "images": sum(sizes),
            "accuracy": right / sum(sizes),
            "interval": list(wilson(right, sum(sizes))),
        },
        "train_seconds": sum(fold.seconds for fold in folds),
    }


def _of_fold(config: TrainConfig, number: int) -> TrainConfig:
    """A run of its own; the thresholds are for the mean."""
    named = dataclasses.replace(config.run, dir=None, name=None)
    node = {**config.dataset, "fold": number}
    return dataclasses.replace(
        config, dataset=node, run=named, require=NONE_REQUIRED, baseline=None
    )


def _fold(folder: Path, number: int) -> Fold:
    run = Run(folder / f"fold-{number}")
    report = json.loads((run.report / "report.json").read_text())
    return Fold(
        number,
        report["metrics"],
        run.validation_accuracy(report["provenance"]["step"]),
        report["cost"]["train_seconds"],
        report["cost"]["train_images"],
    )


def _stopped(
    display: Display, overrides: Sequence[str], folder: Path, number: int, folds: int
) -> None:
    """How the rest is done; the summary comes with the last of them."""
    display.say(f"\nfold {number} of {folds} was not finished; go on with", style="bold")
    own = [line for line in overrides if not line.startswith(("run.dir=", "run.name="))]
    commands = [[f"resume={folder / f'fold-{number}'}"]]
    for later in range(number + 1, folds + 1):
        place = f"run.dir={folder / f'fold-{later}'}"
        commands.append([*own, f"dataset.fold={later}", place])
    for command in commands:
        display.say(f"  {program('cnn-train')} {shlex.join(command)}", markup=False)


def _tell(display: Display, folds: Sequence[Fold], record: Mapping[str, Any]) -> None:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("fold")
    for name in ("pictures", "validation %", "accuracy %", "macro F1", "loss", "training"):
        table.add_column(name, justify="right", no_wrap=True)
    for fold in folds:
        table.add_row(*_cells(str(fold.number), fold.metrics, fold.validation, fold.seconds))
    table.add_section()
    images, seconds = record["pooled"]["images"], record["train_seconds"]
    whole = {**record["mean"], "images": images}
    cells = _cells("mean", whole, record["validation_accuracy"], seconds)
    table.add_row(*cells, style="bold")
    display.say(table)
    low, high = record["accuracy_interval"]
    pooled = record["pooled"]
    display.say(
        f"accuracy {record['mean']['accuracy']:.2%}, standard deviation over the folds"
        f" {100 * record['accuracy_sd']:.2f} points; 95 % interval {_range(low, high)} for a"
        " training like these (corrected for the pictures that they share)"
    )
    display.say(
        f"all {pooled['images']:,} pictures, each tested once: {pooled['right']:,} right,"
        f" {pooled['accuracy']:.2%}, 95 % interval {_range(*pooled['interval'])}"
    )


def _cells(
    name: str, metrics: Mapping[str, Any], validation: float | None, seconds: float
) -> list[Text]:
    cells = [name, f"{metrics['images']:,}"]
    cells += ["-" if validation is None else f"{100 * validation:.2f}"]
    cells += [f"{100 * metrics['accuracy']:.2f}", f"{metrics['macro_f1']:.4f}"]
    return [Text(cell) for cell in [*cells, f"{metrics['loss']:.4f}", duration(seconds)]]


def _range(low: float, high: float) -> str:
    return f"{100 * max(low, 0):.2f} to {100 * min(high, 1):.2f} %"
