"""The report on the console."""

import io
from pathlib import Path

import numpy as np
from rich.console import Console

from cnn_cli.engine.predict import Predictions
from cnn_cli.report.report import Report, metrics
from cnn_cli.report.text import BEST, WORST, print_report


def printed(given: Predictions, folder: Path | None = None) -> list[str]:
    file = io.StringIO()
    report = Report(metrics(given), {}, {})
    print_report(Console(file=file, width=80, color_system=None), report, folder)
    return file.getvalue().splitlines()


def predictions(classes: int, wrong: int) -> Predictions:
    """Two pictures a class; in the first `wrong` classes both are taken for the last class."""
    labels = np.repeat(np.arange(classes), 2)
    guesses = np.where(labels < wrong, classes - 1, labels)
    names = tuple(str(i) for i in range(len(labels)))
    return Predictions(
        labels, np.eye(classes)[guesses], names, tuple(f"c{i}" for i in range(classes))
    )


def test_each_class_headline_and_confused_pair_is_shown() -> None:
    lines = printed(predictions(6, 2))
    assert lines[0].split() == ["class", "precision", "recall", "F1", "pictures"]
    assert lines[1].split() == ["c0", "0.0000", "0.0000", "0.0000", "2"]
    assert lines[6].split() == ["c5", "0.3333", "1.0000", "0.5000", "2"]
    text = "\n".join(lines)
    assert "66.67% (8 of 12 pictures)" in text
    assert "c0 taken for c5: 2 times, 100.0% of the class" in text


def test_many_classes_show_the_worst_and_the_best_and_where_all_are() -> None:
    lines = printed(predictions(50, 3), Path("runs/x/report"))
    rows = [line.split()[0] for line in lines[1 : WORST + BEST + 2]]
    assert rows[:4] == ["c0", "c1", "c2", "c49"]
    assert rows[WORST] == "..."
    text = " ".join(lines)
    assert f"the {WORST} worst and {BEST} best of 50" in text
    assert "runs/x/report/report.txt" in text
    assert not any(line.split()[:1] == ["c30"] for line in lines)


def test_thirty_classes_are_all_shown() -> None:
    assert {f"c{i}" for i in range(30)} <= {line.split()[0] for line in printed(predictions(30, 0))}


def test_a_class_name_is_never_read_as_markup() -> None:
    given = Predictions(np.array([0, 1]), np.eye(2)[[1, 1]], ("x", "y"), ("[red]", "[/]"))
    text = "\n".join(printed(given))
    assert "[red] taken for [/]: once" in text
