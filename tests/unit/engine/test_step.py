"""One step against the plain torch loop that everybody writes."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.data.contract import Batch
from cnn_cli.engine.loss import Loss
from cnn_cli.engine.state import CORRECT, COUNT, GRAD_NORM, LOSS
from cnn_cli.engine.step import (
    set_learning_rate,
    train_step,
)
from cnn_cli.rng import seed_layers


def test_step_equals_the_plain_loop(bench):
    task = bench.task()
    settings = replace(task.settings, clip_norm=0.05)
    state, plain = bench.state(task), bench.state(task)
    batch = next(task.dataset.train.batches(task.plan, 0))
    settings = replace(settings, augmentation=type(settings.augmentation)({}, 0), cropped=False)
    train_step(state, batch, settings, task.device)

    seed_layers(settings.seed, "layers", 0)
    set_learning_rate(plain, settings)
    logits = plain.model(batch.images)
    loss = F.cross_entropy(logits, batch.labels, label_smoothing=0.1)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(plain.model.parameters(), 0.05)
    plain.optimizer.step()

    row = state.rows[0]
    assert row[LOSS].item() / 16 == pytest.approx(loss.item(), rel=1e-5)
    assert row[CORRECT].item() == (logits.argmax(1) == batch.labels).sum().item()
    assert row[COUNT].item() == 16
    assert row[GRAD_NORM].item() == pytest.approx(norm.item(), rel=1e-5)
    for name, value in plain.model.state_dict().items():
        torch.testing.assert_close(state.model.state_dict()[name], value, msg=name)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_with_class_weights_a_step_is_that_of_the_weighted_mean(bench, accumulate):
    task = bench.task(accumulate=accumulate)
    weights = torch.tensor([0.5, 1.0, 4.0])
    settings = replace(task.settings, loss=Loss(0.0, weights, 0.0), cropped=False)
    settings = replace(settings, augmentation=type(settings.augmentation)({}, 0))
    state, plain = bench.state(task), bench.state(task)
    for model in (state.model, plain.model):  # which takes each part by itself in training
        model.eval()
    batch = next(task.dataset.train.batches(task.plan, 0))
    train_step(state, batch, settings, task.device)

    set_learning_rate(plain, settings)
    loss = F.cross_entropy(plain.model(batch.images), batch.labels, weights)
    loss.backward()
    plain.optimizer.step()
    row = state.rows[0]
    assert (row[LOSS] / row[COUNT]).item() == pytest.approx(loss.item(), rel=1e-5)
    for name, value in plain.model.state_dict().items():
        torch.testing.assert_close(state.model.state_dict()[name], value, msg=name)


def test_learning_rate_is_the_schedule_at_the_middle_of_the_step(bench):
    task = bench.task()
    state = bench.state(task)
    state.step = 5
    set_learning_rate(state, replace(task.settings, rates=(0.2, 0.1)))
    factor = task.settings.schedule(5.5 / state.total)
    rates = [group["lr"] for group in state.optimizer.param_groups]
    assert rates == pytest.approx([0.2 * factor, 0.1 * factor])


def test_dropout_and_augmentation_depend_on_the_step_alone(bench):
    task = bench.task()
    batch = next(task.dataset.train.batches(task.plan, 0))
    losses = []
    for step in (0, 1, 0):
        state = bench.state(task)
        torch.manual_seed(step + 7)
        train_step(state, Batch(batch.images, batch.labels, step), task.settings, task.device)
        losses.append(state.rows[step, LOSS].item())
    assert losses[0] == losses[2] != losses[1]


def test_an_op_with_an_end_is_off_for_the_last_steps_of_the_state_at_hand(bench):
    """A run that is resumed for longer has a later end: its total counts, not the step's number."""
    task = bench.task()
    ops = task.settings.augmentation.ops
    flip = replace(task.settings, augmentation=Augmentation({"f": ops["flip"]}, 0, {"f": 0.5}))
    plain = replace(task.settings, augmentation=Augmentation({}, 0))
    batch = next(task.dataset.train.batches(task.plan, 0))

    def loss(settings, step, total):
        state = bench.state(task)
        state.step, state.total = step, total
        train_step(state, Batch(batch.images, batch.labels, step), settings, task.device)
        return state.rows[step % len(state.rows), LOSS].item()

    same = {
        (step, total): loss(replace(flip, cropped=False), step, total)
        == loss(replace(plain, cropped=False), step, total)
        for step, total in ((9, 20), (10, 20), (10, 22))
    }
    assert same == {(9, 20): False, (10, 20): True, (10, 22): False}
