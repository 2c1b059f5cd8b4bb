"""Saving, names, and the choice of pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnn_cli.errors import UserError
from cnn_cli.visualize.style import (
    log_scale,
    many,
    new_figure,
    panel,
    save,
    shortened,
    style,
    text_width,
)
from cnn_cli.visualize.subject import Subject, needed, one_of_each


def test_a_figure_is_saved_at_its_size_whatever_its_letters(tmp_path: Path) -> None:
    with style():
        figure = new_figure(3, 2, "猫 and $x", "größe")
        panel(figure, 0.5, 0.9, 2, 1).plot([0, 1])
    save(figure, tmp_path / "f.png", dpi=100)
    with Image.open(tmp_path / "f.png") as picture:
        assert picture.size == (300, 200)
        assert np.asarray(picture.convert("L")).std() > 5


def test_panels_are_placed_in_inches_from_the_top_left() -> None:
    with style():
        figure = new_figure(8, 4, "", "")
        bounds = panel(figure, 1, 0.5, 2, 3).get_position().bounds
    assert bounds == pytest.approx((1 / 8, 0.5 / 4, 2 / 8, 3 / 4))


def test_long_names_keep_both_ends() -> None:
    assert shortened("short", 8) == "short"
    assert shortened("a very long class name", 10) == "a very…ame"
    assert len(shortened("x" * 50, 12)) == 12


def test_full_width_letters_count_more() -> None:
    assert text_width("猫猫") > text_width("ab")
    assert text_width("ab", 20) == pytest.approx(2 * text_width("ab", 10))


def test_one_picture_of_each_class_then_a_second(make_subject: Callable[..., Subject]) -> None:
    subject = make_subject()
    assert one_of_each(subject, "mistakes", 5).labels.tolist() == [0, 1, 2, 0, 1]
    again = one_of_each(make_subject(), "mistakes", 5)
    assert torch.equal(again.images, one_of_each(subject, "mistakes", 5).images)
    other = one_of_each(make_subject(seed=1), "mistakes", 5)
    assert not torch.equal(again.images, other.images)
    assert len(one_of_each(subject, "mistakes", 99).labels) == 24


def test_an_empty_split_and_a_missing_part_are_named(make_subject: Callable[..., Subject]) -> None:
    empty = make_subject().split
    object.__setattr__(empty, "labels", torch.zeros(0, dtype=torch.int64))
    with pytest.raises(UserError, match=r"figure\.gradcam: the chosen split has no pictures"):
        one_of_each(make_subject(split=empty), "gradcam", 1)
    with pytest.raises(UserError, match=r"figure\.gradcam: needs a model"):
        needed(None, "gradcam", "a model")


@pytest.mark.parametrize(("values", "names"), [((1e-4, 1), {"0.0001", "1"}), ((2, 7), {"3", "6"})])
def test_a_logarithmic_scale_is_named_in_plain_numbers(
    values: tuple[float, float], names: set[str]
) -> None:
    with style():
        axes = panel(new_figure(8, 4, "", ""), 1, 0.5, 2, 3)
        axes.plot([0, 1], values)
        log_scale(axes)
        labels = [*axes.get_yticklabels(), *axes.get_yticklabels(minor=True)]
    assert names <= {label.get_text() for label in labels}


def test_one_step_and_more() -> None:
    assert [many(1, "step"), many(2000, "step")] == ["1 step", "2,000 steps"]
