"""A step is tried before training: it leaves no trace, and one that does not fit is halved."""

import pytest
import torch

from cnn_cli.engine import warmup
from cnn_cli.engine.resume_check import differences, everything
from cnn_cli.engine.step import train_step
from cnn_cli.errors import TrainingError, UserError

FULL = torch.OutOfMemoryError("CUDA out of memory")


def fits(pictures):
    """A `train_step` that runs out of memory where a part has more pictures."""

    def step(state, batch, settings, *rest):
        if -(-len(batch.labels) // settings.accumulate) > pictures:
            state.statistics.keep()
            state.forward(torch.rand(4, 3, 8, 8))  # as far as it came, statistics have changed
            raise FULL
        train_step(state, batch, settings, *rest)

    return step


@pytest.mark.parametrize("accumulate", [1, 2])
def test_what_was_tried_leaves_no_trace(bench, accumulate):
    task = bench.task(ema_decay=0.9, accumulate=accumulate)
    state = bench.state(task)
    before = everything(state)
    same, notes = warmup.warm_up(task, state)
    assert same is task
    assert notes == []
    assert not differences(before, everything(state))
    assert all(p.grad is None for p in state.parameters)


def test_a_batch_that_does_not_fit_is_done_in_parts(bench, monkeypatch):
    monkeypatch.setattr(warmup, "train_step", fits(5))
    task = bench.task()
    state = bench.state(task)
    before = everything(state)
    smaller, (note,) = warmup.warm_up(task, state)
    assert smaller.settings.accumulate == 4
    assert "16 does not fit" in note
    assert "in 4 parts of 4 pictures (trainer.accumulate=4); batch norm takes each" in note
    assert not differences(before, everything(state))


def test_a_picture_that_does_not_fit_is_an_error(bench, monkeypatch):
    monkeypatch.setattr(warmup, "train_step", fits(0))
    task = bench.task()
    with pytest.raises(UserError, match="not even one picture fits"):
        warmup.warm_up(task, bench.state(task))


def test_the_largest_batch_that_fits(bench, monkeypatch):
    monkeypatch.setattr(warmup, "train_step", fits(20))
    task = bench.task()
    assert warmup.largest_batch(task, bench.state(task), [4, 8, 16, 32, 64]) == 16
    assert warmup.largest_batch(task, bench.state(task), [4, 8]) == 8
    with pytest.raises(UserError, match=r"batch_size=auto: 32 pictures do not fit"):
        warmup.largest_batch(task, bench.state(task), [32, 64])


def test_memory_that_others_take_later_halves_the_parts(bench, monkeypatch):
    """The step that failed is done again, and the end is that of a training in parts throughout."""
    plain, halved = bench.task("plain", accumulate=2), bench.task("halved")
    expected, state = bench.state(plain), bench.state(halved)
    monkeypatch.setattr("cnn_cli.engine.train.train_step", fits(8))
    assert bench.train(plain, expected) == "finished"
    assert bench.train(halved, state) == "finished"
    assert not differences(everything(expected), everything(state))


def test_no_memory_for_a_picture_ends_the_training(bench, monkeypatch):
    monkeypatch.setattr("cnn_cli.engine.train.train_step", fits(0))
    task = bench.task()
    with pytest.raises(TrainingError, match="no GPU memory for a single picture"):
        bench.train(task, bench.state(task))


def test_a_validation_that_does_not_fit_names_a_smaller_batch(bench, monkeypatch):
    def full(*_):
        raise FULL

    monkeypatch.setattr("cnn_cli.engine.train.predict", full)
    task = bench.task()
    with pytest.raises(TrainingError, match=r"trainer\.eval_batch_size=5"):
        bench.train(task, bench.state(task))


def test_a_layer_without_a_deterministic_kernel_is_named(bench, monkeypatch):
    def step(*_):
        raise RuntimeError("some_pool_backward does not have a deterministic implementation, but")

    monkeypatch.setattr(warmup, "train_step", step)
    task = bench.task()
    with pytest.raises(UserError, match="deterministic=true: some_pool_backward has no kernel"):
        warmup.warm_up(task, bench.state(task))
