"""The figures that need no trained model: what they show, read back from their axes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cnn_cli.data.contract import Dataset
from cnn_cli.optim.schedules import Constant, OneCycle, Plateau
from cnn_cli.visualize.dataset import counts, dataset, spread
from cnn_cli.visualize.model import model, short_number
from cnn_cli.visualize.schedule import peaks, schedule, steps_drawn
from cnn_cli.visualize.subject import Course, Subject

Make = Callable[..., Subject]


def texts(figure: Any) -> list[str]:
    return [text.get_text() for owner in (figure, *figure.axes) for text in owner.texts]


def optimizer() -> torch.optim.Optimizer:
    kernel, dense, bias = (nn.Parameter(torch.zeros(shape)) for shape in ((2, 1, 3, 3), (3, 2), 3))
    groups = [
        {"params": [kernel], "lr": 0.5},
        {"params": [dense], "lr": 0.1},
        {"params": [bias], "lr": 0.1},
    ]
    return torch.optim.SGD(groups)


@pytest.mark.parametrize("log_rate", [False, True])
def test_the_rate_of_every_step_is_that_of_training(make_subject: Make, log_rate: bool) -> None:
    cycle = OneCycle(0.25, 0.1, 0.01)
    course = Course(cycle, optimizer(), scale=2.0, steps_per_epoch=10, total=40)
    (figure,) = schedule(make_subject(course=lambda: course), log_rate=log_rate).values()
    (axes,) = figure.axes
    assert axes.get_yscale() == ("log" if log_rate else "linear")
    assert {"0.1", "1"} <= {text.get_text() for text in axes.get_yticklabels()} or not log_rate
    first, second = axes.lines[:2]
    middles = (np.arange(40) + 0.5) / 40
    np.testing.assert_allclose(first.get_xdata(), 4 * middles)
    np.testing.assert_allclose(first.get_ydata(), [1.0 * cycle(m) for m in middles])
    np.testing.assert_allclose(second.get_ydata(), [0.2 * cycle(m) for m in middles])
    named = [text.get_text().partition(":")[0] for text in axes.get_legend().get_texts()]
    assert named == ["convolutions", "dense layers, norms and biases"]
    assert "warm-up: 25%,\n10 steps" in texts(figure)
    assert axes.lines[2].get_xdata() == [1.0, 1.0]  # of 4 epochs


def test_without_warmup_nothing_is_marked_and_many_rates_are_cut(make_subject: Make) -> None:
    weights = [nn.Parameter(torch.zeros(2, 2)) for _ in range(9)]
    groups = [{"params": [w], "lr": 0.1 * 2**-n} for n, w in enumerate(weights)]
    course = Course(Constant(0.0, 1.0), torch.optim.SGD(groups), 1.0, 5, 5)
    (figure,) = schedule(make_subject(course=lambda: course), log_rate=False).values()
    drawn = [line.get_ydata()[0] for line in figure.axes[0].lines if len(line.get_ydata())]
    assert len(drawn) == 4
    assert (drawn[0], drawn[-1]) == (0.1, 0.1 * 2**-8)
    words = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert words[-1] == "and 5 more rates between them"
    assert not [text for text in texts(figure) if "warm-up" in text]


def test_what_validation_may_change_is_said(make_subject: Make) -> None:
    for plan, said in ((Plateau(0.1, 0.0, 0.1, 3, 0.0, 0.0), True), (Constant(0.1, 0.0), False)):
        course = Course(plan, optimizer(), 1.0, 5, 10)
        (figure,) = schedule(make_subject(course=lambda c=course: c), log_rate=False).values()
        assert any("if validation never stalls" in text for text in texts(figure)) == said


def test_groups_of_one_rate_share_a_curve() -> None:
    assert peaks(optimizer().param_groups, 1.0) == {
        0.5: "convolutions",
        0.1: "dense layers, norms and biases",
    }
    mixed = [nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(1, 1, 1, 1))]
    assert peaks([{"params": mixed, "lr": 1.0}], 0.5) == {0.5: "weights"}


def test_of_very_many_steps_the_first_and_the_last_are_drawn() -> None:
    assert steps_drawn(3) == [0, 1, 2]
    many = steps_drawn(1_000_000)
    assert (many[0], many[-1], len(many)) == (0, 999_999, 4000)


def test_bars_are_the_counts_of_each_split(make_subject: Make) -> None:
    (figure,) = dataset(make_subject(), classes=3, pictures=2).values()
    bars = figure.axes[0].patches
    assert [bar.get_height() for bar in bars] == [8] * 9
    assert [bar.get_y() for bar in bars] == [0] * 3 + [8] * 3 + [16] * 3
    assert "8 training pictures of every class" in figure.axes[0].get_xlabel()
    assert any("3 classes · train 24, val 24, test 24 · 12 × 12 RGB" in t for t in texts(figure))


def test_each_row_has_pictures_of_its_class(make_subject: Make) -> None:
    subject = make_subject()
    assert subject.split is not None
    (figure,) = dataset(subject, classes=2, pictures=3).values()
    images = subject.split.take(torch.arange(24)).images.permute(0, 2, 3, 1).numpy()
    labels = []
    for axes in figure.axes:
        if axes.images:
            pixels = np.asarray(axes.images[0].get_array())
            (place,) = [i for i, image in enumerate(images) if np.array_equal(image, pixels)]
            labels.append(int(subject.split.labels[place]))
    assert labels == [0, 0, 0, 2, 2, 2]
    assert any(text.startswith("Pictures of 2 of 3 classes") for text in texts(figure))
    assert {"ant", "cat"} <= {*texts(figure)}


def test_a_class_without_pictures_says_so_and_splits_without_are_left_out(
    make_subject: Make,
) -> None:
    subject = make_subject()
    data = subject.dataset
    assert data is not None
    few, none = (type(data.train)(*_first(data, count)) for count in (1, 0))  # type: ignore[call-arg]
    uneven = Dataset("ants", data.classes, few, none, data.test, "")
    assert counts(uneven) == {"train": [1, 0, 0], "test": [8, 8, 8]}
    (figure,) = dataset(replace(subject, dataset=uneven, split=few), classes=9, pictures=2).values()
    assert texts(figure).count("no pictures in this split") == 2
    assert "from 0 (bee) to 1 (ant)" in figure.axes[0].get_xlabel()


def _first(data: Dataset, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    taken = data.train.take(torch.arange(count))
    return taken.images, taken.labels


def test_shown_classes_are_spread_over_all() -> None:
    assert spread(3, 20) == [0, 1, 2]
    assert spread(100, 4) == [0, 33, 66, 99]
    assert spread(5, 1) == [0]


def test_boxes_and_table_are_those_of_the_network(make_subject: Make) -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.AvgPool2d(2), nn.Conv2d(4, 16, 1), nn.Flatten(),
        nn.Linear(16 * 36, 3),
    )  # fmt: skip
    network[0].requires_grad_(False)
    (figure,) = model(make_subject(network=lambda: network), stages=9).values()
    boxes, table = figure.axes
    picture, first, second, logits = boxes.patches[:4]
    assert first.get_height() == picture.get_height() > second.get_height() > logits.get_height()
    assert second.get_width() == pytest.approx(2 * first.get_width())  # 16 and 4 channels: roots
    said = [text.get_text() for text in table.texts]
    for shape, parameters, flops in (
        ("4×12×12", 112, 2 * 27 * 4 * 144), ("16×6×6", 80, 2 * 4 * 16 * 36), ("3", 1731, 2 * 1728),
    ):  # fmt: skip
        place = said.index(f"{parameters:,}")
        assert (said[place - 2], said[place + 1]) == (shape, short_number(flops))
    assert any("1,923 parameters (1,811 of them trained)" in text for text in texts(figure))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1300, "1.3 K"), (2.5e8, "250.0 M"), (1e10, "10.0 G")],
)
def test_short_numbers(value: float, text: str) -> None:
    assert short_number(value) == text


def test_a_network_that_shrinks_too_far_is_warned_of(make_subject: Make) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 12), nn.Conv2d(4, 4, 3, padding=1), nn.Flatten())
    (figure,) = model(make_subject(network=lambda: network), stages=9).values()
    assert any("warning: 1 works on maps of 1x1" in text for text in texts(figure))
