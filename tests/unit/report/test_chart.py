"""Charts: round numbers at the axes, gaps where there is nothing, and text for who cannot see."""

import math
import xml.etree.ElementTree as ET

import pytest

from cnn_cli.report.chart import Axis, Series, around, chart, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 7, [0, 2, 4, 6]), (0.5, 2.5, [0.5, 1, 1.5, 2, 2.5])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_an_axis_holds_all_values_and_ends_at_round_numbers() -> None:
    axis = around("loss", [0.113, 1.731, math.nan], "{:g}".format)
    assert (axis.low, axis.high) == (0.0, 2.0)
    flat = around("loss", [0.5, 0.5], "{:g}".format)
    assert flat.low <= 0.5 <= flat.high


def test_the_picture_is_xml_with_a_gap_and_says_what_it_shows() -> None:
    points = [(1.0, 0.5), (2.0, math.nan), (3.0, 0.7), (4.0, 0.8)]
    text = chart("a < b", Axis("x", 0, 4), Axis("y", 0, 1), [Series("s & t", points, "one")], "z")
    figure = ET.fromstring(text)
    svg = figure[0]
    assert svg.get("aria-label") == "a < b"
    path = next(part for part in svg if part.tag == "path")
    assert path.get("d", "").count("M") == 2
    assert "nan" not in text
    assert "s & t" in "".join(figure.itertext())


def test_bars_rise_from_the_axis_and_a_single_point_is_seen() -> None:
    bars = Series("n", [(0.5, 1.0)], "one", "bars", 0.1)
    svg = ET.fromstring(chart("bars", Axis("x", 0, 1), Axis("y", 0, 2), [bars]))[0]
    bar = next(part for part in svg if part.tag == "rect")
    assert float(bar.get("height", "0")) > 50
    line = ET.fromstring(
        chart("one", Axis("x", 0, 1), Axis("y", 0, 1), [Series("a", [(0.5, 0.5)], "one")])
    )
    assert any(part.tag == "circle" for part in line[0])
