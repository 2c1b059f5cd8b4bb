"""What a REF may be, and what is said of those that are none."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cnn_cli.comparison.references import find_reports
from cnn_cli.errors import UserError

Maker = Callable[..., Path]
ROOT = Path("runs")
RIGHT = np.arange(30) % 5 > 0


@pytest.fixture
def _two(make_run: Maker) -> None:
    make_run("first", RIGHT)
    make_run("second", RIGHT)


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize(
    "ref", ["second", "runs/second", "runs/second/", "runs/second/report", "second/report",
            "runs/second/report/report.json", "latest"],
)  # fmt: skip
def test_a_run_is_meant_by_many_words(ref: str) -> None:
    folders = find_reports(["first", ref], ROOT)
    assert folders == [Path("runs/first/report"), Path("runs/second/report")]


@pytest.mark.usefixtures("_two")
def test_a_report_of_evaluate_and_an_earlier_one() -> None:
    run = Path("runs/first")
    for name in ("evaluate/2026_zoo-val", "report-1"):
        shutil.copytree(run / "report", run / name)
    asked = ["first", "first/evaluate/2026_zoo-val", "runs/first/report-1"]
    assert [folder.name for folder in find_reports(asked, ROOT)] == [
        "report", "2026_zoo-val", "report-1",
    ]  # fmt: skip


@pytest.mark.usefixtures("_two")
@pytest.mark.parametrize(
    ("refs", "told"),
    [
        (["first", "secnd"], "secnd: no such run or report (did you mean 'second'?)"),
        (["first"], "takes two runs or more, as in cnn-train compare first second"),
        ([], "cnn-train compare second first"),
        (["first", "first"], "first: is given twice"),
        (["first", "runs/first/report"], "runs/first/report: is the report of first"),
        (["first", "runs/first/config.yaml"], "is no report.json"),
        (["first", "runs/first/checkpoints/best.json"], "no such run"),
        (["first", "runs"], "holds several runs or reports"),
        (["first", ""], "'': no such run"),
        (["first", "open"], "open: this run has no report, as its training was not finished"),
        (["first", "empty"], "empty: holds no report.json"),
        ([f"r{number}" for number in range(27)], "takes 26 REFs at most, and these are 27"),
    ],
)
def test_what_is_no_report(refs: list[str], told: str) -> None:
    Path("runs/open/checkpoints").mkdir(parents=True)
    Path("runs/empty").mkdir()
    with pytest.raises(UserError) as caught:
        find_reports(refs, ROOT)
    assert told in str(caught.value)
    assert all("\n" not in problem for problem in caught.value.problems)


def test_where_there_is_nothing_yet() -> None:
    with pytest.raises(UserError, match=r"latest: no run with a checkpoint under runs"):
        find_reports(["latest", "latest"], ROOT)
    with pytest.raises(UserError, match=r"there is no run with a report under runs"):
        find_reports([], ROOT)


def test_all_that_is_wrong_is_told_at_once(make_run: Maker) -> None:
    make_run("first", RIGHT)
    with pytest.raises(UserError) as caught:
        find_reports(["frist", "nothing"], ROOT)
    assert len(caught.value.problems) == 2
