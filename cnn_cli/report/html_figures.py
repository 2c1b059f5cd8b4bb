"""The charts of report.html: how training went, and whether probabilities mean what they say."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from cnn_cli.report.chart import Axis, Series, around, chart
from cnn_cli.report.report import Report
from cnn_cli.report.wording import share

Lines = Sequence[Mapping[str, Any]]


def _percent(value: float) -> str:
    return f"{100 * value:.3g}\u00a0%"


def curves(lines: Lines) -> str:
    """Loss and accuracy by epoch; "" where nothing was recorded."""
    if not lines:
        return ""
    epochs = [float(line["epoch"]) for line in lines]
    across = Axis("epoch", min(0.0, epochs[0]), max(epochs[-1], 1.0))
    drawn = []
    for key, label, written in (
        ("loss", "loss, nats", "{:.3g}".format),
        ("accuracy", "accuracy", _percent),
    ):
        series = [
            Series(name, points, colour)
            for part, name, colour in (("train", "training", "two"), ("val", "validation", "one"))
            if (points := _points(lines, part, key))
        ]
        values = [y for one in series for _, y in one.points]
        if not values:
            continue
        last = ", ".join(f"{one.name} {written(one.points[-1][1])} at the end" for one in series)
        up = around(label, values, written)
        drawn.append(chart(f"{key} by epoch: {last}", across, up, series))
    note = (
        '<p class="quiet small">Training figures are of augmented pictures, taken while the weights'
        " changed; validation is without either.</p>"
    )
    return f'<div class="charts">{"".join(drawn)}</div>{note}' if drawn else ""


def _points(lines: Lines, part: str, key: str) -> list[tuple[float, float]]:
    found = [(line["epoch"], (line.get(part) or {}).get(key)) for line in lines]
    return [(float(x), float(y)) for x, y in found if y is not None and math.isfinite(y)]


def calibration(report: Report, temperature: str = "") -> str:
    """Reliability, confidence and accuracy against coverage; `temperature` tells of one that was
    fitted and is not applied.
    """
    given, origin = report.metrics["calibration"], report.provenance
    filled = [part for part in given["bins"] if part["images"]]
    total = sum(part["images"] for part in filled)
    unit = Axis("confidence", 0.0, 1.0, _percent)
    width = 1 / len(given["bins"])
    middles = [(part["from"] + part["to"]) / 2 for part in filled]
    right = [(x, part["accuracy"]) for x, part in zip(middles, filled, strict=True)]
    many = [(x, part["images"] / total) for x, part in zip(middles, filled, strict=True)]
    ece = share(given["ece"])
    figures = [
        chart(
            f"Reliability: accuracy by confidence; calibration error {ece}",
            unit,
            Axis("accuracy", 0.0, 1.0, _percent),
            [Series("share of them that is right", right, "one", "bars", width)],
            diagonal="what the confidence promises",
        ),
        chart(
            "How many pictures have which confidence",
            unit,
            Axis("share of the pictures", 0.0, max(y for _, y in many), _percent),
            [Series("pictures", many, "three", "bars", width)],
        ),
        _coverage(given["coverage"]),
    ]
    words = (
        f"<p>Confidence and accuracy differ by {ece} on average (expected calibration error, 15"
        f" bins); for the probability of each class by {share(given['classwise_ece'])}.</p>"
    )
    if "temperature" in origin:
        before = origin["without_temperature"]
        words += (
            f"<p>Temperature {origin['temperature']:.3f}, fitted on validation pictures, is"
            f" applied. Without it: calibration error {share(before['ece'])}, loss"
            f" {before['loss']:.4f}.</p>"
        )
    elif temperature:
        words += (
            f"<p>Not applied here, <code>calibrated=true</code> does: {escape(temperature)}.</p>"
        )
    return words + f'<div class="charts">{"".join(figures)}</div>'


def _coverage(parts: Sequence[Mapping[str, float]]) -> str:
    points = [(part["coverage"], part["accuracy"]) for part in parts]
    up = around("accuracy among them", [y for _, y in points], _percent)
    half = min(parts, key=lambda part: abs(part["coverage"] - 0.9))
    told = (
        f"Of the surest {half['coverage']:.0%} of the pictures {share(half['accuracy'])} are right"
    )
    drawn = chart(
        f"Accuracy against coverage. {told}",
        Axis("share of the pictures, the surest first", 0.0, 1.0, _percent),
        up,
        [Series("accuracy of the surest", points, "one")],
    )
    note = f"{told}: those of a confidence of {half['threshold']:.4g} at least."
    return drawn.replace("</figcaption>", f'<br><span class="quiet">{note}</span></figcaption>')
