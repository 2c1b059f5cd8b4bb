"""What is said of a check: the likeliest cause first, and how the present rate compares."""

import math
from io import StringIO
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from torch import nn

from cnn_cli.commands.findings import causes, say_range
from cnn_cli.commands.peak_rates import PeakRates
from cnn_cli.data.contract import Batch
from cnn_cli.engine.checks import Overfit, RangeTest
from cnn_cli.engine.display import Display

PICTURES = torch.arange(4 * 9, dtype=torch.uint8).view(4, 1, 3, 3)


def first_cause(losses, right=0.5, images=PICTURES, frozen=False):
    found = Overfit(tuple(losses), (right,) * len(losses))
    model = nn.Linear(2, 2).requires_grad_(not frozen)
    batch = Batch(images, torch.arange(4), 0)
    return causes(found, batch, SimpleNamespace(model=model), 4)


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        ((1.4, math.inf), "too high, or reduced precision"),
        ((1.4, 9.0, 1.2), "too high: the loss was up to 9"),
        ((1.4, 1.39), "far too low"),
        ((1.4, 0.5), "too low for so few steps, or too high to settle"),
    ],
)
def test_the_losses_tell_the_likeliest_cause(losses, told):
    assert told in first_cause(losses)[0]


def test_what_is_known_for_certain_comes_first():
    twice = PICTURES[[0, 0, 1, 2]]
    assert first_cause((1.4, 0.5), images=twice)[0].startswith("the labels: 1 of the pictures")
    assert "size of the network" in first_cause((1.4, 0.1), right=1.0)[0]
    assert any("model.freeze" in line for line in first_cause((1.4, 0.5), frozen=True))


def said(peak: float, losses, ended="diverged") -> str:
    console = Console(width=200, file=StringIO())
    rates = PeakRates({"optimizer.lr": peak}, {"optimizer.lr": math.inf})
    factors = tuple(rate / peak for rate in (1e-3, 1e-2, 1e-1, 1.0))
    say_range(Display(console), RangeTest(factors, tuple(losses), 1, ended), rates)
    return str(console.file.getvalue())


@pytest.mark.parametrize(
    ("peak", "told"),
    [(0.03, "is near that"), (0.001, "is 33 times smaller"), (0.5, "is 15 times larger")],
)
def test_the_present_rate_is_compared(peak, told):
    text = said(peak, (2.3, 2.0, 1.0, 5.0))
    assert "optimizer.lr=0.033" in text
    assert "the loss fell fastest at 0.01" in text
    assert told in text


def test_without_a_fall_there_is_no_suggestion():
    text = said(0.1, (2.3, 2.3, 2.3, 2.3), "end of the range")
    assert "no suggestion" in text
    assert "optimizer.lr=" not in text
