"""The comparison as it is read: console, page, table and JSON."""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from cnn_cli.comparison import words
from cnn_cli.comparison.console import print_comparison
from cnn_cli.comparison.contrasts import contrasts
from cnn_cli.comparison.files import write_comparison
from cnn_cli.comparison.pairs import Pair, compare
from cnn_cli.comparison.plot import Dot, dots, ticks
from cnn_cli.comparison.sides import Figure, Side, read_sides
from cnn_cli.engine.predictions import Predictions
from cnn_cli.errors import UserError

Maker = Callable[..., Path]


@pytest.fixture
def sides(make_run: Maker) -> list[Side]:
    whole = np.ones(300, dtype=bool)
    models = [np.arange(300) % 10 > 0, whole, np.arange(300) % 30 > 0]
    names = ("2026-11-26_07-58-12_cifar100-wide_resnet_abcdef", "b <i>", "third")
    folders = [make_run(n, m, width) for n, m, width in zip(names, models, (8, 16, 8), strict=True)]
    return read_sides([folder / "report" for folder in folders])


def printed(sides: list[Side], width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_comparison(console, sides, compare(sides), contrasts(sides))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_console_holds_all_of_it_at_any_width(sides: list[Side], width: int) -> None:
    text = printed(sides, width)
    assert max(map(len, text.splitlines())) <= width
    flat = " ".join(text.split())
    for told in (sides[0].name, "B is better than A: +10.00 points", "McNemar p < 0.0001",
                 "by Holm for 2 comparisons", "Paired, on the same 300 pictures",
                 "right in A alone: 0, right in B alone: 30.", "[16]", "data: the same",
                 "trainer.epochs=2", "macro F1", "8,000", "16,000", "may move"):  # fmt: skip
        assert told in flat
    assert len(re.findall("calibration error", text)) == (2 if width == 60 else 1)


def test_the_table_has_a_line_for_each_run_and_metric(sides: list[Side]) -> None:
    pairs = compare(sides)
    paths = write_comparison(Path(), sides, pairs, contrasts(sides))
    assert [path.name for path in paths] == ["compare.html", "compare.csv", "compare.json"]
    rows = list(csv.DictReader(paths[1].read_text().splitlines()))
    assert len(rows) == 3 * 9
    known = {(row["run"], row["metric"]): row for row in rows}
    row = known["B", "accuracy"]
    assert (float(row["value"]), float(row["difference"])) == (1.0, pytest.approx(0.1))
    assert float(row["difference_low"]) < 0.1 < float(row["difference_high"])
    assert (float(row["p"]), float(row["p_holm"])) == (pairs[0].p, pairs[0].corrected)
    assert (row["paired"], known["A", "accuracy"]["difference"]) == ("1", "")
    assert known["C", "parameters"]["value"] == "8000"
    assert known["B", "loss"]["p"] == ""


def test_the_json_has_everything(sides: list[Side]) -> None:
    pairs = compare(sides)
    found = json.loads(write_comparison(Path(), sides, pairs, contrasts(sides))[2].read_text())
    assert [run["name"] for run in found["runs"]] == [side.name for side in sides]
    first = found["comparisons"][0]
    assert (first["right_in_first_alone"], first["right_in_second_alone"]) == (0, 30)
    assert first["verdict"] == words.verdict(pairs[0], 2)
    assert len(first["classes"]) == 3
    assert found["config"] == {"model.channels": {"A": "[8]", "B": "[16]", "C": "[8]"}}


class Checked(HTMLParser):
    """Tags that are opened and closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.seen.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, _attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(sides: list[Side]) -> None:
    path = write_comparison(Path(), sides, compare(sides), contrasts(sides))[0]
    text = path.read_text()
    parser = Checked()
    parser.feed(text)
    assert not parser.open
    assert parser.seen.count("svg") == 2
    assert "i" not in parser.seen  # the name of a run is text
    assert "b &lt;i&gt;" in text
    assert not re.search(r"(src|href)=|url\(|@import", text)
    assert text.count('<th scope="row">') >= 3 * 9
    assert "<strong>B is better than A</strong>" in text


def test_other_pictures_are_said_to_be_others(make_run: Maker) -> None:
    whole = np.ones(300, dtype=bool)
    folders = [make_run("one", whole), make_run("two", whole[:100])]
    text = " ".join(printed(read_sides([f / "report" for f in folders]), 80).split())
    assert "Not paired: A has 300 pictures and B 100." in text
    assert "Newcombe's 95 % interval, Fisher's exact test" in text
    assert "no difference of accuracy beyond noise between A and B: 0.00 points" in text
    assert "Fisher p = 1.00" in text


def test_runs_without_a_common_class_are_not_compared(make_run: Maker) -> None:
    chances = np.tile([[0.9, 0.1], [0.2, 0.8]], (100, 1))
    names = tuple(f"other/{place}" for place in range(200))
    other = Predictions(np.arange(200) % 2, chances, names, ("ant", "bee"))
    folders = [make_run("one", np.arange(300) % 3 > 0), make_run("two", other)]
    with pytest.raises(UserError, match="two has no class in common with one"):
        compare(read_sides([folder / "report" for folder in folders]))


def test_a_worse_run_is_called_so(sides: list[Side]) -> None:
    pair: Pair = compare([sides[1], sides[0]])[0]
    assert words.verdict(pair, 1).startswith("A is worse than B: -10.00 points, -13.")
    marked = {name: words.difference_word(name, pair) for name in pair.differences}
    assert marked == dict.fromkeys(marked, "worse")
    assert words.classes_line(pair).startswith("Classes: 3 worse beyond noise")


@pytest.mark.parametrize(
    ("p", "told"),
    [(0.00001, "p < 0.0001"), (0.00042, "p = 4.2e-04"), (0.0123, "p = 0.012"), (1.0, "p = 1.00")],
)
def test_a_probability_in_words(p: float, told: str) -> None:
    assert words.probability(p) == told


def test_a_difference_in_words() -> None:
    figure = Figure(-0.00001, (-0.00002, 0.00003))
    assert words.difference("accuracy", figure) == "0.00 points, 0.00 to 0.00"
    assert words.difference("loss", Figure(0.25, None)) == "+0.2500"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (97.2, 99.9, [97, 97.5, 98, 98.5, 99, 99.5, 100]),
        (-1.1, 0.83, [-1.5, -1, -0.5, 0, 0.5, 1]),
        (50, 50, [50, 51]),
        (0, 0, [0, 0.2]),
        (0, 100, [0, 20, 40, 60, 80, 100]),
    ],
)
def test_ticks_are_round_and_hold_the_ends(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_dots_lie_where_their_values_are() -> None:
    svg = dots("Title <", "points", [Dot("A", 5, 0, 10), Dot("B", 10, 5, 10, "better")], zero=True)
    places = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', svg)]
    ends = [float(x) for x in re.findall(r'class="span" x1="([\d.]+)"', svg)]
    assert places[0] == pytest.approx((places[1] + ends[0]) / 2, abs=0.1)
    assert ends[1] == pytest.approx(places[0])
    assert "Title &lt;: A 5.00, 0.00 to 10.00; B 10.00" in svg
    assert svg.count('class="zero"') == 1


def test_without_a_certain_accuracy_only_loss_and_brier_have_a_word(sides: list[Side]) -> None:
    """Figures of right and wrong rest on the same pictures as the accuracy, whose test decides."""
    pair = replace(compare([sides[1], sides[0]])[0], corrected=0.2)
    marked = {name: words.difference_word(name, pair) for name in pair.differences}
    assert {name for name, word in marked.items() if word} == {"loss", "brier"}
