"""The report on disk: for people, for programs, and the predictions it was computed from."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnn_cli.files import flush_file, replacing
from cnn_cli.report.arrays import read_arrays as read_arrays
from cnn_cli.report.pictures import write_confusion
from cnn_cli.report.report import Report
from cnn_cli.report.text import report_text

if TYPE_CHECKING:
    from cnn_cli.engine.predict import Predictions

Floats = NDArray[np.float64]

CSV_CLASSES = 100
"""Classes up to which predictions.csv has every probability; above, the TOP likeliest classes."""
TOP = 5
COMPRESSED = 1_000_000
"""Probabilities up to which predictions.npz is compressed."""
CONFUSION = "confusion_matrix.png"
PAGE = "report.html"


def write_report(report: Report, predictions: "Predictions", folder: Path, page: str) -> list[Path]:
    """Write every file of the report into `folder`, which exists; returns them.

    `page` is the text of report.html. Beside it: report.json (metrics, cost, provenance, slices),
    report.txt, predictions.npz, predictions.csv, confusion_matrix.png. Equal metrics have equal
    bytes in report.json.
    """
    names = ("report.json", "report.txt", "predictions.npz", "predictions.csv")
    paths = [folder / name for name in (*names, CONFUSION, PAGE)]
    contents = {**vars(report), "slices": list(report.slices)}
    paths[1].write_bytes(_bytes(report_text(report, predictions)))
    write_arrays(predictions, paths[2])
    write_table(predictions, paths[3])
    write_confusion(report, paths[4])
    paths[5].write_bytes(_bytes(page))
    for path in paths[1:]:
        flush_file(path)
    with replacing(paths[0]) as file:  # the last: where it is, the others are whole
        file.write(encode(contents))
    return paths


def encode(value: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8 with one fixed form: keys sorted, a line for each key or item of a list.

    Innermost lists and the objects inside lists stay on one line, so that a confusion matrix reads
    as one. Raises ValueError for numbers that JSON has no word for (NaN, infinity).
    """
    return _bytes(_layout(value, "") + "\n")


def write_arrays(predictions: "Predictions", path: Path) -> None:
    """labels (N,), probabilities (N, K) float64, names (N,) and classes (K,): no pickles inside.

    Many probabilities are not compressed: that would take most of a report's time, for a tenth.
    """
    save = np.savez if predictions.probabilities.size > COMPRESSED else np.savez_compressed
    save(
        path,
        labels=predictions.labels,
        probabilities=predictions.probabilities,
        names=np.array(predictions.names, dtype=np.str_),
        classes=np.array(predictions.classes, dtype=np.str_),
    )


def write_table(predictions: "Predictions", path: Path) -> None:
    """One line a picture: name, true, predicted, correct (1 or 0), confidence, probabilities."""
    few = len(predictions.classes) <= CSV_CLASSES
    # A file's name may hold bytes that are not UTF-8; they are written as they are on disk.
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        head = ["name", "true", "predicted", "correct", "confidence"]
        writer.writerow(head + (_class_head(predictions.classes) if few else _top_head()))
        for row, chances in enumerate(predictions.probabilities):
            label, guess = int(predictions.labels[row]), int(chances.argmax())
            true, predicted = predictions.classes[label], predictions.classes[guess]
            start = [predictions.names[row], true, predicted, int(label == guess)]
            rest = _all(chances) if few else _top(chances, predictions.classes)
            writer.writerow([*start, f"{chances[guess]:.8g}", *rest])


def _class_head(classes: Sequence[str]) -> list[str]:
    return [f"p_{name}" for name in classes]


def _top_head() -> list[str]:
    return [head for rank in range(1, TOP + 1) for head in (f"top{rank}", f"p_top{rank}")]


def _all(chances: Floats) -> list[str]:
    return [f"{p:.8g}" for p in chances.tolist()]


def _top(chances: Floats, classes: Sequence[str]) -> list[str]:
    best = np.argsort(-chances, kind="stable")[:TOP].tolist()
    return [cell for i in best for cell in (classes[i], f"{chances[i]:.8g}")]


def _layout(value: object, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, Mapping) and value:
        items = (f"{json.dumps(str(k))}: {_layout(value[k], inner)}" for k in sorted(value))
        return "{\n" + ",\n".join(inner + item for item in items) + f"\n{indent}}}"
    if isinstance(value, list | tuple) and any(isinstance(v, Mapping | list) for v in value):
        return "[\n" + ",\n".join(inner + _line(item) for item in value) + f"\n{indent}]"
    return _line(value)


def _line(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _bytes(text: str) -> bytes:
    """UTF-8; stray bytes of a file's name become \\udcXX, which JSON reads back."""
    return text.encode("utf-8", "backslashreplace")
