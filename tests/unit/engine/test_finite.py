"""Steps that are not finite: what they leave, and what is done about them."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from cnn_cli.data.contract import Batch
from cnn_cli.engine import checkpoint, finite
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.step import train_step
from cnn_cli.engine.task import Task
from cnn_cli.errors import TrainingError
from cnn_cli.optim.lion import Lion
from cnn_cli.optim.muon import Muon

OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, fused=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "lion": lambda p: Lion(p, lr=0.01, betas=(0.9, 0.99), weight_decay=0.1),
    "muon": lambda p: Muon(
        p, lr=0.1, momentum=0.6, rest_lr=0.05, rest_momentum=0.85, weight_decay=0.1
    ),
}


class Spoilt:
    """A split whose pictures (float) hold `value` in the batches of some steps."""

    crops = True

    def __init__(self, source: Any, value: float, *steps: int) -> None:
        self.source, self.value, self.steps = source, value, steps

    def __len__(self) -> int:
        return len(self.source)

    def batches(self, *given: Any) -> Iterator[Batch]:
        for batch in self.source.batches(*given):
            images = batch.images / 255
            if batch.step in self.steps:
                images[0, 0, 0, 0] = self.value
            yield batch._replace(images=images)


def spoilt(task: Task, value: float, *steps: int) -> Task:
    train = Spoilt(task.dataset.train, value, *steps)
    return replace(task, dataset=replace(task.dataset, train=train))


def everything(state: TrainState) -> dict[str, Tensor]:
    """All that a step may change, less the figures."""
    found = {f"model.{k}": v.clone() for k, v in state.model.state_dict().items()}
    for number, part in state.optimizer.state_dict()["state"].items():
        found |= {f"{number}.{k}": v.clone() for k, v in part.items() if isinstance(v, Tensor)}
    return found


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("waits", [True, False], ids=["cpu", "as on a GPU"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_such_a_step_leaves_no_trace(bench, monkeypatch, name, waits, value):
    task = bench.task()
    state = bench.state(task)
    state.optimizer = OPTIMIZERS[name](state.model.parameters())
    settings = replace(task.settings, rates=tuple(g["lr"] for g in state.optimizer.param_groups))
    if not waits and finite.takes_found_inf(state.optimizer):
        monkeypatch.setattr(finite, "takes_found_inf", lambda _: True)
        monkeypatch.setattr(finite, "WAITS_FOR_NOTHING", ())
    batches = spoilt(task, value, 2).dataset.train.batches(task.plan, 0, task.window)
    for batch, expected in zip(batches, (True, True, False, True), strict=False):
        before = everything(state)
        train_step(state, batch, settings, task.device)
        after = everything(state)
        changed = [k for k, v in after.items() if k not in before or not v.equal(before[k])]
        # momentum, weights and batch norm's statistics: all of them, or none at all
        assert bool(changed) == expected, changed
        assert all(bool(v.isfinite().all()) for v in after.values())
        assert bool(state.rows[batch.step, 0].isfinite()) == expected


def test_statistics_alone_are_not_spoilt_by_accumulated_parts(bench):
    task = bench.task(accumulate=4)
    state = bench.state(task)
    batch = next(iter(spoilt(task, math.nan, 0).dataset.train.batches(task.plan, 0, task.window)))
    before = everything(state)
    train_step(state, batch, task.settings, task.device)
    assert all(v.equal(before[k]) for k, v in everything(state).items())


def test_stop_names_the_step_the_causes_and_the_way_on(bench):
    task = spoilt(bench.task(epochs=4), math.nan, 6)
    state = bench.state(task)
    told = r"the loss is no longer finite since step 7 .*optimizer\.lr=0\.005.*non_finite=skip"
    with pytest.raises(TrainingError, match=told):
        bench.train(task, state)
    saved = checkpoint.load(task.run.pointer("last"))
    assert saved.step == 4
    assert all(v.isfinite().all() for v in saved.model.values())


def test_weights_that_are_not_finite_from_the_start_are_named(bench):
    task = bench.task()
    state = bench.state(task)
    with torch.no_grad():
        state.model.net[6].weight[0, 0] = math.nan
    with pytest.raises(TrainingError, match=r"step 1: net\.6\.weight has weights that are not"):
        bench.train(task, state)
    assert not task.run.checkpoints.exists()


def test_skip_counts_and_goes_on_as_if_the_step_were_not_there(bench):
    task = spoilt(bench.task(epochs=3, non_finite="skip"), math.inf, 2, 5, 6)
    state = bench.state(task)
    assert bench.train(task, state) == "finished"
    lines = [json.loads(line) for line in task.run.metrics.read_text().splitlines()]
    assert [line["train"]["skipped"] for line in lines] == [1, 2, 0]
    assert all(math.isfinite(line["train"]["loss"]) for line in lines)
    assert all(v.isfinite().all() for v in checkpoint.load(task.run.pointer("last")).model.values())


def test_skipping_for_ever_is_no_training(bench):
    task = spoilt(bench.task(epochs=9, batch_size=3, non_finite="skip"), math.nan, *range(5, 99))
    with pytest.raises(TrainingError, match=r"20 steps in a row were skipped: .* since step "):
        bench.train(task, bench.state(task))


def test_skipping_a_whole_short_epoch_is_none_either(bench):
    task = spoilt(bench.task(epochs=9, non_finite="skip"), math.nan, *range(2, 99))
    with pytest.raises(TrainingError, match=r"4 steps in a row were skipped: .* since step "):
        bench.train(task, bench.state(task))


class Once(Spoilt):
    """Spoilt at the first `times` passes over a step only: a lower rate would help."""

    def __init__(self, source: Any, step: int, times: int) -> None:
        super().__init__(source, math.nan, step)
        self.left = times

    def batches(self, *given: Any) -> Iterator[Batch]:
        self.steps = self.steps if self.left else ()
        self.left -= 1
        return super().batches(*given)


def test_rollback_goes_on_from_the_last_checkpoint_at_half_the_rate(bench):
    task = bench.task(epochs=4, non_finite="rollback")
    plain = bench.state(task)
    bench.train(task, plain)
    other = bench.task("other", epochs=4, non_finite="rollback")
    source = Once(other.dataset.train, 6, times=2)
    other = replace(other, dataset=replace(other.dataset, train=source))
    state = bench.state(other)
    assert bench.train(other, state) == "finished"
    assert state.watch.factor == 0.25
    rates = [json.loads(x)["lr"] for x in other.run.metrics.read_text().splitlines()]
    before = [json.loads(x)["lr"] for x in task.run.metrics.read_text().splitlines()]
    assert rates == pytest.approx([before[0], *(rate / 4 for rate in before[1:])])
    assert checkpoint.load(other.run.pointer("last")).watch["factor"] == 0.25


def test_rollback_gives_up_where_it_does_not_help(bench):
    task = spoilt(bench.task(epochs=4, non_finite="rollback"), math.nan, 6)
    with pytest.raises(TrainingError, match="Going back to step-00000004 3 times did not help"):
        bench.train(task, bench.state(task))
    task = spoilt(bench.task("second", epochs=4, non_finite="rollback"), math.nan, 2)
    with pytest.raises(TrainingError, match="no checkpoint yet to go back to"):
        bench.train(task, bench.state(task))
