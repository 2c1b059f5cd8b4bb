"""The report's pictures."""

from pathlib import Path

import numpy as np

from cnn_cli.report.report import Report
from cnn_cli.visualize.confusion import draw_confusion
from cnn_cli.visualize.style import save, style

DPI = 150


def write_confusion(report: Report, path: Path) -> None:
    """The confusion matrix of `report` as a PNG; says of what run, data set and split."""
    given, origin = report.metrics, report.provenance
    classes = tuple(row["name"] for row in given["per_class"])
    counts = np.array(given["confusion"], dtype=np.int64)
    right = f"{given['accuracy']:.2%} of {given['images']:,} pictures right"
    what = [f"{origin['dataset']} {origin['split']}"] if "dataset" in origin else []
    subtitle = " · ".join([*([origin["run"]] if "run" in origin else []), *what, right])
    with style():
        save(draw_confusion(counts, classes, subtitle), path, dpi=DPI)
