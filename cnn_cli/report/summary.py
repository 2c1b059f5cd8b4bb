"""The report in a page of Markdown, for those who did not sit at the terminal."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cnn_cli.report.junit import legal
from cnn_cli.report.report import Report
from cnn_cli.report.verdict import Verdict
from cnn_cli.report.wording import OTHERS, made_with, number

WORST = 5
"""Classes and confused pairs that are shown."""
SHARES = {
    "accuracy": "accuracy",
    "top5_accuracy": "top-5 accuracy",
    "balanced_accuracy": "balanced accuracy",
}
MET, MISSED = "✅ met", "❌ missed"
TOP = 5
"""Classes up to which top-5 accuracy says nothing."""


def summary(report: Report, verdicts: Sequence[Verdict]) -> str:
    """Headline figures with 95 % intervals, what was required, worst classes, worst pairs."""
    metrics, origin = report.metrics, report.provenance
    missed = sum(not verdict.is_met for verdict in verdicts)
    what = f"{origin['dataset']}, {origin['split']} split" if origin else "cross-validation"
    state = ""
    if verdicts:
        state = f"{MISSED} {missed} of {len(verdicts)}" if missed else f"{MET}, all {len(verdicts)}"
    lines = [f"## {escaped(what)}" + (f": {state}" if state else ""), ""]
    lines += [_accuracy(metrics), ""]
    if verdicts:
        lines += ["### Required", "", *_demands(verdicts), ""]
    lines += ["### Figures", "", *_figures(metrics), ""]
    lines += ["### Worst classes", "", *_classes(metrics["per_class"]), ""]
    if metrics.get("most_confused"):
        lines += ["### Most confused", "", *_confused(metrics["most_confused"]), ""]
    if origin:
        told = f"; {made_with(origin)}" if made_with(origin) else ""
        run = f"Run {_code(origin['run'])}, step {origin['step']:,}; {origin['device']}{told}."
        lines += [run, ""]
    return "\n".join(lines)


def escaped(text: str) -> str:
    """`text` as itself in Markdown, also inside a table: no formatting, no HTML, one line."""
    line = re.sub(r"\s+", " ", legal(text))
    # As numbers: `|` ends a cell even inside code, and backslashes are not heeded everywhere.
    return re.sub(r"[&<>\\`*\[\]#|~$]|(?<!\w)_|_(?!\w)", lambda sign: f"&#{ord(sign[0])};", line)


def _code(text: str) -> str:
    """`text` in the type of code; by a tag, as entities are not read between backticks."""
    return f"<code>{escaped(text)}</code>"


def _accuracy(metrics: Mapping[str, Any]) -> str:
    images = metrics["images"]
    right = f"{round(metrics['accuracy'] * images):,} of {images:,} pictures right"
    return f"**{metrics['accuracy']:.2%}** accuracy: {right}{_against(metrics)}."


def _against(metrics: Mapping[str, Any]) -> str:
    if "baselines" not in metrics:
        return ""
    majority = metrics["baselines"]["majority"]
    return f"; always answering {escaped(majority['class'])} gives {majority['accuracy']:.2%}"


def _demands(verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield from ("| required | found | |", "|---|---|---|")
    for one in verdicts:
        mark = MET if one.is_met else MISSED
        yield f"| {_code(one.setting)} | {escaped(one.found)} | {mark} |"
    told = [one for one in verdicts if not one.is_met or one.key == "baseline"]
    marks = {True: MET, False: MISSED}
    yield from ("", *(f"- {marks[one.is_met]}: {escaped(one.told)}" for one in told))


def _figures(metrics: Mapping[str, Any]) -> Iterator[str]:
    yield from ("| figure | value | 95 % interval |", "|---|--:|---|")
    for key, name in SHARES.items():
        if key != "top5_accuracy" or len(metrics["per_class"]) > TOP:
            yield _row(metrics, key, name, ".2%")
    for key, name in OTHERS.items():
        if metrics[key] is not None:
            yield _row(metrics, key, name, ".4f")
    low, high = metrics["calibration"].get("ece_interval", (None, None))
    told = f"{low:.2%} to {high:.2%}" if low is not None else ""
    yield f"| calibration error | {metrics['calibration']['ece']:.2%} | {told} |"


def _row(metrics: Mapping[str, Any], key: str, name: str, form: str) -> str:
    between = metrics.get("intervals", {}).get(key)
    told = f"{between[0]:{form}} to {between[1]:{form}}" if between else ""
    value = number(metrics[key], key) if form == ".4f" else f"{metrics[key]:{form}}"
    return f"| {name} | {value} | {told} |"


def _classes(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The classes with the lowest F1 among those that were tested."""
    yield "| class | precision | recall | F1 | pictures |"
    yield "|---|--:|--:|--:|--:|"
    tested = sorted((row for row in rows if row["support"]), key=lambda row: float(row["f1"]))
    for row in tested[:WORST]:
        shares = " | ".join(f"{row[key]:.4f}" for key in ("precision", "recall", "f1"))
        yield f"| {escaped(row['name'])} | {shares} | {row['support']:,} |"


def _confused(pairs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("| class | taken for | times | share of the class |", "|---|---|--:|--:|")
    for pair in pairs[:WORST]:
        names = f"{escaped(pair['true'])} | {escaped(pair['predicted'])}"
        yield f"| {names} | {pair['count']:,} | {pair['share']:.1%} |"
