"""summary.md and junit.xml: what they say, and that names of any kind leave them whole."""

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from cnn_cli.engine.predict import Predictions
from cnn_cli.report.averaged import averaged
from cnn_cli.report.junit import junit, legal
from cnn_cli.report.report import Report, metrics
from cnn_cli.report.summary import escaped, summary
from cnn_cli.report.verdict import Verdict

NASTY = ("a|b `c` *d* <e> & [f](g)", "line\nbreak \x00\x1b \udcff", "_ü_ 写真")
ORIGIN = {
    "run": "a_b", "checkpoint": "x", "step": 1200, "dataset": "pictures", "split": "test",
    "device": "cpu", "written": "2026-01-01T00:00:00+00:00",
}  # fmt: skip
MET = Verdict("require.accuracy", "require.accuracy=0.5", "0.7", True, "require.accuracy: met")
MISSED = Verdict(f"require.recall.{NASTY[1]}", "x|y", "0.1", False, f"missed: {NASTY[1]} <&>")


def report(classes: tuple[str, ...] = NASTY) -> Report:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 60)
    made = Predictions(labels, random.dirichlet(np.ones(3), 60), ("n",) * 60, classes)
    cost = {"train_seconds": 3.0, "evaluate_seconds": 1.5}
    return Report(metrics(made), cost, ORIGIN)


def tables(text: str) -> list[list[str]]:
    return [block.splitlines() for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)]


@pytest.mark.parametrize("verdicts", [[], [MET], [MET, MISSED]])
def test_every_table_has_rows_of_one_width(verdicts: list[Verdict]) -> None:
    text = summary(report(), verdicts)
    found = tables(text)
    assert len(found) == 3 + bool(verdicts)
    for rows in found:
        assert len({row.count("|") for row in rows}) == 1
    assert not set("\x00\x1b\udcff") & set(text)


def test_it_says_what_was_missed_and_has_the_intervals() -> None:
    made = report()
    text = summary(made, [MET, MISSED])
    assert text.startswith("## pictures, test split: ❌ missed 1 of 2\n")
    assert summary(made, [MET]).startswith("## pictures, test split: ✅ met, all 1\n")
    assert summary(made, []).startswith("## pictures, test split\n")
    low, high = made.metrics["intervals"]["accuracy"]
    assert f"| {low:.2%} to {high:.2%} |" in text
    worst = min(made.metrics["per_class"], key=lambda row: row["f1"])
    assert (
        text.split("### Worst classes")[1].splitlines()[4].startswith(f"| {escaped(worst['name'])}")
    )


def test_names_are_shown_as_they_are() -> None:
    assert escaped("plain name-1 (2).jpg, a_b") == "plain name-1 (2).jpg, a_b"
    assert not set("|`*<>[]") & set(escaped(NASTY[0]).replace("&#", ""))
    assert "\n" not in escaped(NASTY[1])
    assert escaped("_ü_") == "&#95;ü&#95;"


def test_the_xml_has_a_case_for_each_demand_in_the_order_of_the_schema() -> None:
    root = ElementTree.fromstring(junit(report(), [MET, MISSED]))
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    assert float(suite.get("time", "")) == 4.5
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", ""))
    assert suite.get("hostname")
    tags = [child.tag for child in suite]
    assert tags == ["properties", "testcase", "testcase", "system-out", "system-err"]
    met, missed = suite.iter("testcase")
    assert met.attrib == {
        "name": "require.accuracy", "classname": "cnn-train.pictures-test", "time": "0",
    }  # fmt: skip
    assert len(met) == 0
    (failure,) = missed
    assert failure.get("type") == "missed"
    assert failure.get("message") == legal(MISSED.told)
    values: dict[str, Any] = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert float(values["accuracy"]) == pytest.approx(report().metrics["accuracy"])
    assert values["run"] == "a_b"
    assert "ece" in values


def test_what_xml_cannot_hold_is_written_out() -> None:
    assert legal("a\x00b\x1bc\udcffd\ufffe\t\n") == "a\\x00b\\x1bc\\udcffd\\ufffe\t\n"
    assert legal("写真 <é>") == "写真 <é>"


def test_folds_become_one_report_of_their_means() -> None:
    first, second = report(), report(NASTY)
    folds: list[dict[str, Any]] = [
        {"metrics": dict(first.metrics), "cost": {"train_seconds": 2.0}},
        {
            "metrics": dict(second.metrics),
            "cost": {"train_seconds": 4.0, "latency_ms": {"median": 1.5}},
        },
    ]
    folds[0]["metrics"] |= {"accuracy": 0.5, "roc_auc": None}
    folds[1]["metrics"] |= {"accuracy": 1.0, "roc_auc": 0.25}
    one = dict(folds[0]["metrics"]["per_class"][0]) | {"support": 0, "recall": 0.0}
    folds[0]["metrics"]["per_class"] = [one, *folds[0]["metrics"]["per_class"][1:]]
    made = averaged(folds, {"accuracy": [0.5, 0.9]})
    assert made.metrics["accuracy"] == 0.75
    assert made.metrics["roc_auc"] == 0.25
    assert made.metrics["images"] == 120
    expected = {"train_seconds": 3.0, "evaluate_seconds": None, "latency_ms": {"median": 1.5}}
    assert made.cost == expected
    rows = made.metrics["per_class"]
    assert rows[0]["recall"] == second.metrics["per_class"][0]["recall"]  # tested there alone
    text = summary(made, [MET])
    assert text.startswith("## cross-validation: ✅ met, all 1\n")
    assert "| accuracy | 75.00% | 50.00% to 90.00% |" in text
    assert ElementTree.fromstring(junit(made, [MET])).find(".//testcase[@classname]") is not None
