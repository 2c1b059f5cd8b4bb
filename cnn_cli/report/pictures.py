"""The report's pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_cli.report.report import Report
from cnn_cli.visualize.confusion import draw_confusion
from cnn_cli.visualize.style import save, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150


def confusion_figure(metrics: Mapping[str, Any]) -> "Figure":
    """The confusion matrix of a report's `metrics`."""
    classes = tuple(row["name"] for row in metrics["per_class"])
    right = f"{metrics['accuracy']:.2%} of {metrics['images']:,} pictures right"
    with style():
        return draw_confusion(np.array(metrics["confusion"], dtype=np.int64), classes, right)


def write_confusion(report: Report, path: Path) -> None:
    """The confusion matrix of `report` as a PNG."""
    save(confusion_figure(report.metrics), path, dpi=DPI)
