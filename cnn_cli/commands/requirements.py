"""What is required of a report: thresholds, and not to be worse than an earlier one."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_cli.engine.costing import span
from cnn_cli.engine.display import Display
from cnn_cli.errors import UserError, closest
from cnn_cli.files import replacing
from cnn_cli.limits import seconds
from cnn_cli.report.baseline import Baseline, Outcomes, compare, part_of, read_baseline
from cnn_cli.report.junit import junit
from cnn_cli.report.report import Report
from cnn_cli.report.summary import summary
from cnn_cli.report.verdict import Verdict
from cnn_cli.reports import find_reports
from cnn_cli.sections import RequireConfig

TOP = 5
"""Classes that top-5 accuracy accepts."""
UPPER_BOUNDS = ("loss", "brier", "ece", "classwise_ece", "latency_ms")
"""Required figures that must stay below their threshold; all others must reach it."""
CALIBRATION = ("ece", "classwise_ece")
PER_CLASS = ("precision", "recall", "f1")
TIMES = {"train_time": "train_seconds", "evaluate_time": "evaluate_seconds"}
"""Required times -> their seconds in the report's cost."""
DIGITS = 4
"""Decimals of a figure, more where it would look like its threshold."""


@dataclass(frozen=True)
class Demands:
    """What a report has to meet."""

    thresholds: Mapping[str, Any]
    """those of RequireConfig that are given"""
    baseline: Baseline | None
    together: bool = False
    """this is one of several reports, which are judged together at the end"""


def demands(require: RequireConfig, baseline: str | None, root: str) -> Demands:
    """What `require` and `baseline` ask for, the earlier report read.

    Raises UserError where it is not there or damaged.
    """
    fields = (field.name for field in dataclasses.fields(require))
    given = {name: getattr(require, name) for name in fields}
    thresholds = {name: value for name, value in given.items() if value is not None}
    if baseline is None:
        return Demands(thresholds, None)
    return Demands(thresholds, read_baseline(baseline, find_reports(baseline, Path(root))))


def check_sensible(wanted: Demands, classes: Sequence[str]) -> None:
    """Raise UserError for what nothing could miss, and for classes that are not there."""
    problems = []
    if "top5_accuracy" in wanted.thresholds and len(classes) <= TOP:
        problems.append(
            f"require.top5_accuracy: is always met by {len(classes)} classes; it needs more than"
            f" {TOP}"
        )
    for key in PER_CLASS:
        named = wanted.thresholds.get(key)
        if named == {}:
            problems.append(f"require.{key}={{}}: names no class, and nothing could miss it")
        problems += [
            f"require.{key}: there is no class '{name}'{closest(name, classes)};"
            f" there are {', '.join(classes[:12])}{', ...' if len(classes) > 12 else ''}"
            for name in (named if isinstance(named, Mapping) else ())
            if name not in classes
        ]
    if wanted.baseline and set(wanted.baseline.classes) != set(classes):
        problems.append(_other_classes(wanted.baseline, classes))
    if problems:
        raise UserError(*problems)


def _other_classes(baseline: Baseline, classes: Sequence[str]) -> str:
    theirs = [name for name in baseline.classes if name not in classes]
    ours = [name for name in classes if name not in baseline.classes]
    parts = [("it alone has", theirs), ("here alone is", ours)]
    told = ", and ".join(f"{what} {_some(names)}" for what, names in parts if names)
    return f"baseline={baseline.ref}: has other classes, and cannot be compared: {told}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def judge(wanted: Demands, report: Report, outcomes: Callable[[], Outcomes]) -> list[Verdict]:
    """A verdict for each demand; `outcomes` gives what a baseline is compared with."""
    verdicts: list[Verdict] = []
    if wanted.together:
        return verdicts
    for name, threshold in wanted.thresholds.items():
        if name in PER_CLASS:
            verdicts += _of_classes(name, threshold, report.metrics["per_class"])
        elif name in TIMES:
            verdicts.append(_of_time(name, threshold, report.cost[TIMES[name]]))
        elif name == "latency_ms":
            value = report.cost[name]["median"]
            verdicts.append(_of_figure(f"require.{name}", name, threshold, value))
        else:
            place = report.metrics["calibration"] if name in CALIBRATION else report.metrics
            verdicts.append(_of_figure(f"require.{name}", name, threshold, place[name]))
    if wanted.baseline:
        verdicts.append(compare(wanted.baseline, outcomes(), part_of(report.provenance)))
    return verdicts


def _of_figure(key: str, what: str, threshold: float, value: float | None) -> Verdict:
    below = what in UPPER_BOUNDS
    setting, wanted = f"{key}={threshold:g}", f"at {'most' if below else 'least'} {threshold:g}"
    if value is None:
        told = f"{setting}: missed: {what} has no value on these pictures"
        return Verdict(key, setting, "no value", False, told)
    digits = _digits(value, threshold)
    found = f"{value:.{digits}f}"
    if value <= threshold if below else value >= threshold:
        return Verdict(key, setting, found, True, f"{setting}: met with {found}")
    told = (
        f"{setting}: missed by {abs(value - threshold):.{digits}f}: {what} is {found} and has to be"
        f" {wanted}"
    )
    return Verdict(key, setting, found, False, told)


def _digits(value: float, threshold: float) -> int:
    """Decimals by which a value that is not the threshold does not look like it."""
    enough = (n for n in range(DIGITS, 12) if round(value, n) != round(threshold, n))
    return DIGITS if value == threshold else next(enough, 12)


def _of_classes(
    name: str, threshold: float | Mapping[str, float], rows: Sequence[Mapping[str, Any]]
) -> Iterator[Verdict]:
    """A verdict for each class that is named; where none is, one for the worst of all."""
    if isinstance(threshold, Mapping):
        for row in rows:
            if row["name"] not in threshold:
                continue
            wanted = threshold[row["name"]]
            key, what = f"require.{name}.{row['name']}", f"{name} of {row['name']}"
            yield _of_figure(key, what, wanted, row[name] if row["support"] else None)
        return
    tested = [row for row in rows if row["support"]]
    worst = min(tested, key=lambda row: float(row[name]))
    below = sum(row[name] < threshold for row in tested)
    more = f" ({below} classes are below it)" if below > 1 else ""
    what = f"{name} of the worst class, {worst['name']}{more},"
    yield _of_figure(f"require.{name}", what, threshold, worst[name])


def _of_time(name: str, limit: str, taken: float) -> Verdict:
    key, what = f"require.{name}", "training" if name == "train_time" else "evaluation"
    setting, over = f"{key}={limit}", taken - seconds(limit)
    told = (
        f"met with {span(taken)}"
        if over <= 0
        else f"missed by {span(over)}: the {what} took {span(taken)} and may take {limit} at most"
    )
    return Verdict(key, setting, span(taken), over <= 0, f"{setting}: {told}")


def write(verdicts: Sequence[Verdict], report: Report, folder: Path) -> list[Path]:
    """Write summary.md and, where something was required, junit.xml; returns them.

    Without demands there would be no test case in it, which those who read such files take for a
    test that did not run.
    """
    contents = {"summary.md": summary(report, verdicts).encode("utf-8", "backslashreplace")}
    if verdicts:
        contents["junit.xml"] = junit(report, verdicts)
    for name, content in contents.items():
        with replacing(folder / name) as file:
            file.write(content)
    return [folder / name for name in contents]


def tell(verdicts: Sequence[Verdict], display: Display) -> int:
    """Say what came of every demand; 0 where all are met, else 3."""
    for verdict in verdicts:
        style = "green" if verdict.is_met else "bold red"
        display.say(verdict.told, style=style, markup=False)
    return 0 if all(verdict.is_met for verdict in verdicts) else 3
