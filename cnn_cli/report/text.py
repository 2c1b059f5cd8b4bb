"""The report to read: a table on the console and report.txt."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnn_cli.report.report import Report
from cnn_cli.report.wording import OTHERS, made_with, number

if TYPE_CHECKING:
    from cnn_cli.engine.predict import Predictions

ALL_CLASSES = 30
"""Classes up to which the console shows each; above, the WORST and the BEST by F1."""
WORST, BEST = 15, 5
PAIRS_SHOWN = 5
TOP = 5
"""Classes up to which top-5 accuracy says nothing."""
RANGES = "ranges: 95 % intervals, of what this model is worth on pictures of this kind"


def print_report(console: Console, report: Report, folder: Path | None = None) -> None:
    """The per-class table, the headline figures and the most confused pairs.

    `folder` is where `write_report` has put the files; with it the text can say where the rest is.
    """
    metrics = report.metrics
    console.print(_class_table(metrics["per_class"]))
    if len(metrics["per_class"]) > ALL_CLASSES:
        console.print(_left_out(len(metrics["per_class"]), folder), overflow="fold")
    for name, value in _headlines(metrics):
        console.print(Text.assemble((f"  {name:<19}", "dim"), (value, "bold")))
    console.print(Text(f"  {RANGES}", "dim"))
    pairs = [_pair_line(pair) for pair in metrics["most_confused"][:PAIRS_SHOWN]]
    _print_list(console, "most confused", pairs)
    _print_list(console, "worse than elsewhere, beyond noise", _worse(report)[:PAIRS_SHOWN])


def _print_list(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(Text(f"  {title}", "dim"))
    for line in lines:
        console.print(Text(f"    {line}"), overflow="fold", highlight=False)


def _worse(report: Report) -> list[str]:
    """Slices that are flagged, the surest first."""
    flagged = sorted((row for row in report.slices if row["worse"]), key=lambda row: row["p"])
    return [
        f"{row['trait']} {row['slice']}: {row['accuracy']:.2%} of {row['images']:,} pictures"
        for row in flagged
    ]


def report_text(report: Report, predictions: "Predictions") -> str:
    """scikit-learn's classification report, the headline figures, all most confused pairs."""
    from sklearn.metrics import classification_report

    table = classification_report(
        predictions.labels,
        predictions.predicted,
        labels=list(range(len(predictions.classes))),
        target_names=list(predictions.classes),
        digits=4,
        zero_division=0,
    )
    headlines = [f"{name:<19}{value}" for name, value in _headlines(report.metrics)]
    if told := made_with(report.provenance):
        headlines.append(f"{'made with':<19}{told}")
    pairs = [f"  {_pair_line(pair)}" for pair in report.metrics["most_confused"]] or ["  none"]
    lines = [str(table), *headlines, RANGES, "", "most confused", *pairs, ""]
    if worse := _worse(report):
        lines += ["worse than elsewhere, beyond noise", *(f"  {line}" for line in worse), ""]
    return "\n".join(lines)


def _headlines(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of each figure with its 95 % interval; what one reaches without looking."""
    images = metrics["images"]
    right = round(metrics["accuracy"] * images)
    shares = {"accuracy": "accuracy", "top5_accuracy": "top-5 accuracy"}
    if len(metrics["per_class"]) <= TOP:
        del shares["top5_accuracy"]
    shares["balanced_accuracy"] = "balanced accuracy"
    lines = [(name, _share(metrics, key)) for key, name in shares.items()]
    value, _, between = lines[0][1].partition(",")
    lines[0] = ("accuracy", f"{value} ({right:,} of {images:,} pictures),{between}")
    for key, name in OTHERS.items():
        if metrics[key] is not None:
            lines.append((name, _number(metrics, key)))
    low, high = metrics["calibration"]["ece_interval"]
    told = f"{metrics['calibration']['ece']:.2%}, {low:.2%} to {high:.2%}"
    lines.append(("calibration error", told))
    majority = metrics["baselines"]["majority"]
    chance = metrics["baselines"]["random"]["accuracy"]
    told = f"always {majority['class']} {majority['accuracy']:.2%}, by chance {chance:.2%}"
    return [*lines, ("without looking", told)]


def _share(metrics: Mapping[str, Any], key: str) -> str:
    low, high = metrics["intervals"][key]
    return f"{metrics[key]:.2%}, {low:.2%} to {high:.2%}"


def _number(metrics: Mapping[str, Any], key: str) -> str:
    if key not in metrics["intervals"]:
        return number(metrics[key], key)
    low, high = metrics["intervals"][key]
    return f"{number(metrics[key], key)}, {low:.4f} to {high:.4f}"


def _pair_line(pair: Mapping[str, Any]) -> str:
    times = "once" if pair["count"] == 1 else f"{pair['count']:,} times"
    return (
        f"{pair['true']} taken for {pair['predicted']}: {times}, {pair['share']:.1%} of the class"
    )


def _class_table(rows: list[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=True, header_style="bold")
    table.add_column("class", overflow="ellipsis", no_wrap=True)
    for name in ("precision", "recall", "F1", "pictures"):
        table.add_column(name, justify="right", no_wrap=True)
    if len(rows) <= ALL_CLASSES:
        _add_rows(table, rows)
        return table
    ranked = sorted(rows, key=lambda row: row["f1"])
    _add_rows(table, ranked[:WORST])
    table.add_row(Text("...", "dim"))
    _add_rows(table, ranked[-BEST:])
    return table


def _left_out(classes: int, folder: Path | None) -> Text:
    where = folder / "report.txt" if folder else "report.txt"
    return Text(
        f"  the {WORST} worst and {BEST} best of {classes} by F1; all are in {where}", "dim"
    )


def _add_rows(table: Table, rows: list[Mapping[str, Any]]) -> None:
    for row in rows:
        shares = [Text(f"{row[key]:.4f}", _colour(row)) for key in ("precision", "recall", "f1")]
        table.add_row(Text(row["name"]), *shares, Text(f"{row['support']:,}"))


def _colour(row: Mapping[str, Any]) -> str:
    """Colour only helps the eye along: the figures say the same."""
    if not row["support"]:
        return "dim"
    return "green" if row["f1"] >= 0.9 else "yellow" if row["f1"] >= 0.7 else "red"
