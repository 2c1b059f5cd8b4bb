"""Which rates a range test goes through."""

import pytest
import torch
from torch.optim import SGD, Optimizer

from cnn_cli.commands.peak_rates import peak_rates
from cnn_cli.optim.muon import Muon

WEIGHTS = [torch.zeros(2, requires_grad=True)]


def muon(lr: float, rest_lr: float) -> Muon:
    return Muon(WEIGHTS, lr=lr, momentum=0.9, rest_lr=rest_lr, rest_momentum=0.9, weight_decay=0.0)


def test_from_a_millionth_to_ten():
    found = peak_rates({"lr": 0.1, "momentum": 0.9}, SGD(WEIGHTS, lr=0.1))
    assert found.first == ("optimizer.lr", 0.1)
    assert [0.1 * factor for factor in found.span] == pytest.approx([1e-6, 10])


def test_a_rate_beyond_these_is_in_the_range_too():
    high, low = (peak_rates({"lr": lr}, SGD(WEIGHTS, lr=lr)) for lr in (5, 1e-8))
    assert [5 * factor for factor in high.span] == pytest.approx([1e-6, 50])
    assert [1e-8 * factor for factor in low.span] == pytest.approx([1e-9, 10])


def test_no_rate_rises_above_what_the_optimizer_takes():
    by_first = peak_rates({"lr": 0.2, "rest_lr": 0.1}, muon(0.2, 0.1))
    by_second = peak_rates({"lr": 0.1, "rest_lr": 0.5}, muon(0.1, 0.5))
    assert by_first.span[1] == pytest.approx(5)
    assert by_second.span[1] == pytest.approx(2)
    assert by_second.scaled(0.333) == {"optimizer.lr": 0.033, "optimizer.rest_lr": 0.17}
    high = peak_rates({"lr": 40}, SGD(WEIGHTS, lr=40))
    assert high.span[1] == pytest.approx(2.5)


def test_an_optimizer_of_ones_own_has_the_rate_it_says():
    class Own(Optimizer):
        def __init__(self, params, lr=0.03):
            super().__init__(params, {"lr": lr})

    found = peak_rates({"_target_": "mine.Own"}, Own(WEIGHTS))
    assert found.first == ("+optimizer.lr", 0.03)
    assert found.span[1] == pytest.approx(10 / 0.03)
