"""What came of the demands as JUnit XML, which continuous integration shows as tests.

In the form of the schema of Ant's JUnit task: a suite with its properties, then a case a demand.
"""

import re
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from cnn_cli.report.report import Report
from cnn_cli.report.verdict import Verdict

ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write, escaped or not."""
PROVENANCE = ("run", "checkpoint", "step", "dataset", "split", "written")


def junit(report: Report, verdicts: Sequence[Verdict]) -> bytes:
    """The XML in UTF-8; a missed demand is a failure, whose message is the line that is said."""
    missed = sum(not verdict.is_met for verdict in verdicts)
    root = Element("testsuites")
    suite = SubElement(
        root,
        "testsuite",
        {
            "name": "cnn-train",
            "package": "cnn-train",
            "id": "0",
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "hostname": legal(socket.gethostname()) or "localhost",
            "tests": str(len(verdicts)),
            "failures": str(missed),
            "errors": "0",
            "time": f"{_seconds(report.cost):.3f}",
        },
    )
    properties = SubElement(suite, "properties")
    for name, value in _properties(report):
        SubElement(properties, "property", {"name": name, "value": legal(value)})
    origin = report.provenance
    what = f"{origin['dataset']}-{origin['split']}" if origin else "crossvalidation"
    group = legal(f"cnn-train.{what}")
    for verdict in verdicts:
        named = {"name": legal(verdict.key), "classname": group, "time": "0"}
        case = SubElement(suite, "testcase", named)
        if not verdict.is_met:
            message = {"message": legal(verdict.told), "type": "missed"}
            failure = SubElement(case, "failure", message)
            failure.text = legal(verdict.told)
    SubElement(suite, "system-out")
    SubElement(suite, "system-err")
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def legal(text: str) -> str:
    """`text` with what XML cannot hold as a backslash and its number, as in Python."""
    return ILLEGAL.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def _seconds(cost: Mapping[str, Any]) -> float:
    return sum(float(cost.get(name) or 0) for name in ("train_seconds", "evaluate_seconds"))


def _properties(report: Report) -> list[tuple[str, str]]:
    metrics = report.metrics
    figures = {key: v for key, v in metrics.items() if isinstance(v, int | float)}
    figures |= {key: v for key, v in metrics["calibration"].items() if isinstance(v, float)}
    found = [(name, f"{value:.8g}") for name, value in figures.items()]
    found += [
        (name, str(report.provenance[name])) for name in PROVENANCE if name in report.provenance
    ]
    return found
