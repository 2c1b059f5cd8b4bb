"""The checks' pictures: what is marked is what was found."""

import math

import numpy as np
import pytest

from cnn_cli.engine.checks import Overfit, RangeTest
from cnn_cli.visualize.checks import draw_overfit, draw_range
from cnn_cli.visualize.style import save


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_one_batch_has_its_verdict_and_both_curves():
    found = Overfit((2.3, 0.5, 0.008), (0.1, 0.9, 1.0))
    figure = draw_overfit(found, 64, "digits")
    loss, accuracy = figure.axes
    assert "learned by heart in 3 steps" in figure.texts[1].get_text()
    assert loss.get_yscale() == "log"
    assert list(loss.lines[0].get_ydata()) == [2.3, 0.5, 0.008]
    assert list(accuracy.lines[0].get_ydata()) == [10, 90, 100]
    failed = draw_overfit(Overfit((math.inf,), (0.1,)), 64, "digits")
    assert "not learned by heart" in failed.texts[1].get_text()


def test_the_range_has_the_present_rate_and_the_suggestion(tmp_path):
    losses = (*np.linspace(2.3, 0.4, 60), *np.linspace(0.5, 90.0, 10), math.nan)
    found = RangeTest(tuple(np.geomspace(1e-5, 10, 71)), losses, 5, "not finite")
    figure = draw_range(found, "optimizer.lr", 0.1, "digits")
    (axes,) = figure.axes
    rate = 0.1 * found.suggestion
    marked = [line.get_xdata()[0] for line in axes.lines[-2:]]
    assert marked == pytest.approx([0.1, rate])
    assert f"suggested {rate:.2g} = " in " ".join(texts(axes))
    assert "now 0.1" in texts(axes)
    assert axes.get_xscale() == "log"
    assert axes.get_ylim()[1] < 5  # what diverges does not flatten the rest
    save(figure, tmp_path / "lr.png", 50)


def test_a_range_in_which_nothing_learns_has_no_suggestion(tmp_path):
    flat = RangeTest((0.1, 1.0, 10.0), (2.3, 2.3, 2.3), 1, "end of the range")
    figure = draw_range(flat, "optimizer.lr", 300.0, "digits")
    assert texts(figure.axes[0]) == ["now 300"]
    assert figure.axes[0].get_xlim()[1] > 300
    at_once = RangeTest((0.1,), (math.nan,), 1, "not finite")
    save(draw_range(at_once, "optimizer.lr", 1.0, "digits"), tmp_path / "none.png", 50)
