"""The checks of a set-up: plain loops, of which every loss can be told in advance."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cnn_cli.engine import checks
from cnn_cli.engine.checks import Exponential, RangeTest, overfit, range_test
from cnn_cli.engine.state import COUNT, LOSS
from cnn_cli.engine.step import train_step
from cnn_cli.optim.schedules import Constant


def ignore(done: int) -> None:
    assert done == 1


def at_rate(task, rate):
    return replace(task.settings, rates=(rate, rate))


def learn(bench, rate):
    task = bench.task()
    state = bench.state(task)
    batch = next(task.dataset.train.batches(task.plan, 0))
    return overfit(state, batch, at_rate(task, rate), task.device, ignore), state, batch


def test_a_batch_is_learned_by_heart_as_in_a_plain_loop(bench):
    found, _, batch = learn(bench, 0.3)
    model = bench.state(bench.task()).model.train()
    model.net[5].p = 0.0
    by = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9, nesterov=True)
    for expected in found.losses[:20]:
        loss = F.cross_entropy(model(batch.images), batch.labels)
        assert loss.item() == pytest.approx(expected, rel=1e-4)
        by.zero_grad()
        loss.backward()
        by.step()
    assert found.passed
    assert found.losses[-1] < checks.LEARNED <= min(found.losses[:-1])
    assert len(found.losses) < checks.MOST_STEPS
    assert found.accuracies[-1] == 1


def test_a_rate_too_low_learns_nothing_and_one_too_high_ends_at_once(bench):
    slow, *_ = learn(bench, 1e-9)
    assert not slow.passed
    assert slow.finite
    assert len(slow.losses) == checks.MOST_STEPS
    wild, state, _ = learn(bench, 1e38)
    assert not wild.passed
    assert not wild.finite
    assert len(wild.losses) == state.step < 10


def test_what_hinders_learning_by_heart_is_off(bench):
    task = bench.task()
    state = bench.state(task)
    state.model.net[5] = block = torch.nn.Identity()
    block.drop_path, block.p = 0.3, 0.3
    state.model.net.append(torch.nn.Dropout2d(0.3))
    checks._unregularise(state)
    assert (block.drop_path, block.p, state.model.net[-1].p) == (0.0, 0.3, 0.0)
    assert {group["weight_decay"] for group in state.optimizer.param_groups} == {0.0}


def test_rates_rise_by_one_factor_from_end_to_end():
    rise = Exponential(1e-4, 10, steps=11, total=40)
    rates = [rise((step + 0.5) / 40) for step in range(11)]
    assert rates == pytest.approx(np.geomspace(1e-4, 10, 11))


def test_at_a_steady_rate_the_range_test_trains_as_training_does(bench):
    task = bench.task(epochs=5)
    settings = replace(task.settings, schedule=Constant(warmup=0.0, start_factor=1.0))
    expected, state = [], bench.state(task)
    state.model.train()
    for batch in islice(task.dataset.train.batches(task.plan, 0, task.window), 12):
        train_step(state, batch, settings, task.device)
        row = state.rows[batch.step % len(state.rows)]
        expected.append((row[LOSS] / row[COUNT]).item())
        state.step += 1
    again = bench.state(task)
    batches = task.dataset.train.batches(task.plan, 0, task.window)
    found = range_test(again, batches, settings, task.device, (1.0, 1.0), 12, ignore)
    assert found.losses == pytest.approx(expected, rel=1e-6)
    assert found.ended == "end of the range"
    assert again.step == 12


def test_the_rates_are_those_of_the_optimizer(bench):
    task = bench.task(epochs=5)
    state, seen = bench.state(task), []

    def note(done: int) -> None:
        seen.append([group["lr"] for group in state.optimizer.param_groups])

    batches = task.dataset.train.batches(task.plan, 0, task.window)
    settings = replace(task.settings, rates=(0.05, 0.02))
    found = range_test(state, batches, settings, task.device, (1e-3, 2.0), 12, note)
    assert pytest.approx(np.outer([0.05, 0.02], np.geomspace(1e-3, 2, 12))) == np.array(seen).T
    assert found.factors == pytest.approx(np.geomspace(1e-3, 2, 12))


@pytest.fixture
def tested(bench, monkeypatch):
    """A range test, over factors 1e-3 .. 1, of which the losses are given."""

    def run(losses: list[float]) -> RangeTest:
        def steps(state: object, batches: object, *_: object) -> Iterator[tuple[float, float]]:
            return ((loss, 0.0) for loss in losses)

        monkeypatch.setattr(checks, "_steps", steps)
        task = bench.task()
        state = bench.state(task)
        return range_test(
            state, iter(()), task.settings, task.device, (1e-3, 1.0), len(losses), ignore
        )

    return run


def test_the_suggestion_is_a_third_of_the_rate_of_the_smallest_loss(tested):
    x = np.arange(100)
    losses = list(np.where(x < 70, 2.3 - 2 / (1 + np.exp(-(x - 50) / 4)), 0.3 + 0.05 * (x - 70)))
    found = tested(losses)
    means = np.convolve(losses, np.ones(5) / 5, "valid")
    assert found.smoothed[2:-2] == pytest.approx(means[: len(found.smoothed) - 4])
    assert found.lowest == np.argmin(means) + 2 == 68
    assert abs(found.steepest - 50) <= 1
    assert found.suggestion == pytest.approx(np.geomspace(1e-3, 1, 100)[68] / 3)


def test_it_ends_where_the_loss_is_four_times_its_smallest(tested):
    losses = [2.0] * 50 + [1.0] * 20 + [3.9] * 10 + [4.1] * 20
    found = tested(losses)
    assert found.ended == "diverged"
    assert len(found.losses) == 83  # (2 * 3.9 + 3 * 4.1) / 5 is above 4
    assert found.factors[-1] == pytest.approx(np.geomspace(1e-3, 1, 100)[82])


def test_it_ends_where_the_loss_is_not_finite(tested):
    found = tested([2.0] * 50 + [1.0] * 10 + [math.nan] * 40)
    assert found.ended == "not finite"
    assert len(found.losses) == len(found.smoothed) + 1 == 61
    assert math.isfinite(found.suggestion)
    at_once = tested([math.inf] * 100)
    assert (len(at_once.losses), at_once.suggestion, at_once.steepest) == (1, None, None)


def test_where_no_rate_learns_none_is_suggested(tested):
    found = tested([2.3 + 0.1 * math.sin(i) for i in range(100)])
    assert found.ended == "end of the range"
    assert (found.lowest, found.steepest, found.suggestion) == (None, None, None)
