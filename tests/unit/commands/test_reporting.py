"""Classes matched by name, and thresholds."""

import io

import pytest
from rich.console import Console

from cnn_cli.commands.reporting import check_required, class_numbers
from cnn_cli.engine.display import Display
from cnn_cli.errors import UserError
from cnn_cli.report.report import Report


def test_classes_are_matched_by_name():
    assert class_numbers(("dog", "cat"), ("cat", "dog", "owl"), {}) == (1, 0)
    assert class_numbers(("hund", "cat"), ("cat", "dog"), {"hund": "dog"}) == (1, 0)


def test_unknown_classes_are_refused_with_the_near_one():
    with pytest.raises(UserError, match=r"'dogs' \(did you mean 'dog'\?\).*class_map"):
        class_numbers(("dogs",), ("cat", "dog"), {})


def required(**thresholds: float | None) -> tuple[int, str]:
    file = io.StringIO()
    report = Report({"accuracy": 0.9, "loss": 0.5}, {}, {})
    code = check_required(thresholds, report, Display(Console(file=file, width=200)))
    return code, file.getvalue()


def test_a_missed_threshold_is_three_and_says_by_how_much():
    code, said = required(accuracy=0.95, loss=None)
    assert code == 3
    assert "accuracy=0.95: missed by 0.0500: accuracy is 0.9000 and has to be at least" in said
    code, said = required(loss=0.4)
    assert code == 3
    assert "has to be at most 0.4" in said


def test_met_thresholds_are_zero():
    assert required(accuracy=0.9, loss=0.5)[0] == 0
    assert required(accuracy=None) == (0, "")
