"""The reports of a cross-validation's folds as one: the mean of every figure."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from cnn_cli.report.report import Report

PER_CLASS = ("precision", "recall", "f1")
CALIBRATION = ("ece", "classwise_ece")
SECONDS = ("train_seconds", "evaluate_seconds")


def averaged(
    reports: Sequence[Mapping[str, Any]], intervals: Mapping[str, Sequence[float]]
) -> Report:
    """Scalar metrics, calibration errors, figures of each class and seconds, each as the mean.

    `reports` are contents of report.json, `intervals` those of means, by figure. Folds without a
    figure are left out of its mean, those without a picture of a class out of the means of that
    class, whose `support` is the sum.
    """
    metrics = [report["metrics"] for report in reports]
    names = [key for key, v in metrics[0].items() if v is None or isinstance(v, float)]
    means: dict[str, Any] = {name: _mean([part[name] for part in metrics]) for name in names}
    means["intervals"] = intervals
    means["images"] = sum(part["images"] for part in metrics)
    means["calibration"] = {
        name: fmean(part["calibration"][name] for part in metrics) for name in CALIBRATION
    }
    columns = zip(*(part["per_class"] for part in metrics), strict=True)
    means["per_class"] = [_of_class(rows) for rows in columns]
    costs = [report["cost"] for report in reports]
    cost: dict[str, Any] = {name: _mean([part.get(name) for part in costs]) for name in SECONDS}
    latencies = [part.get("latency_ms", {}).get("median") for part in costs]
    cost["latency_ms"] = {"median": _mean(latencies)}
    return Report(means, cost, {})


def _of_class(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    tested = [row for row in rows if row["support"]] or rows
    means = {name: fmean(row[name] for row in tested) for name in PER_CLASS}
    return {"name": rows[0]["name"], **means, "support": sum(row["support"] for row in rows)}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
