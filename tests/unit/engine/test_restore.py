"""Each restored field is needed: left out, a resumed run is another one."""

import dataclasses
import json
import os
import signal
from dataclasses import replace
from typing import Any

import pytest
import torch

from cnn_cli.data.resident import Resident
from cnn_cli.engine import checkpoint
from cnn_cli.engine.checkpoint import Checkpoint
from cnn_cli.engine.resume_check import differences, everything
from cnn_cli.engine.state import TrainState, restore
from cnn_cli.engine.task import Task
from cnn_cli.errors import UserError
from cnn_cli.optim.schedules import Plateau, Watch

SETTINGS: dict[str, Any] = {"epochs": 6, "ema_decay": 0.9, "patience": 4}
AT = 10
"""The step after which the run is saved: in the middle of an epoch, after two validations."""

NOT_RESTORED = {
    "total": "a function of the config",
    "classes": "compared by the data's fingerprint, and used by evaluate",
    "preprocessing": "the data and the model are built from it",
    "config": "read by the command",
    "fingerprint": "compared by the command",
    "versions": "for people",
    "scaler": "there is none without fp16",
    "elapsed": "a clock, see test_train",
    "pace": "there is none without a time budget, see test_budgeted",
    "recorded": "of a picture that could not be read in a validation, see test_train",
}
"""Fields that `restore` does not have to put back, and why."""


def tasks(bench: Any, name: str) -> Task:
    task: Task = bench.task(name, **SETTINGS)
    data = task.dataset
    taken = data.val.take(torch.arange(len(data.val)))
    # the better it learns, the worse it does on these: the best validation is the first
    wrong = Resident(taken.images, (taken.labels + 1) % 3, data.val.names)
    task = replace(task, dataset=replace(data, val=wrong))
    schedule = Plateau(0.0, 1.0, gamma=0.5, patience=1, threshold=0.5, min_factor=0.01)
    return replace(task, settings=replace(task.settings, schedule=schedule))


def outcome(task: Task, state: TrainState) -> dict[str, Any]:
    lines = [json.loads(line) for line in task.run.metrics.read_text().splitlines()]
    for line in lines:
        del line["time"]
    figures = (state.best, state.best_loss, state.best_step, state.stale, vars(state.watch))
    return {"lines": lines, "figures": figures, "tensors": everything(state)}


def stopped(bench: Any, name: str) -> tuple[Task, Checkpoint]:
    """A run that a SIGTERM has stopped after step AT."""
    task = tasks(bench, name)
    source = task.dataset.train

    class Interrupting:
        crops = source.crops

        def __len__(self) -> int:
            return len(source)

        def batches(self, *given: Any) -> Any:
            for batch in source.batches(*given):
                if batch.step == AT - 1:
                    os.kill(os.getpid(), signal.SIGTERM)
                yield batch

    broken = replace(task, dataset=replace(task.dataset, train=Interrupting()))
    assert bench.train(broken, bench.state(task)) == "SIGTERM"
    return task, checkpoint.load(task.run.saved()[0])


def resumed(bench: Any, task: Task, saved: Checkpoint) -> dict[str, Any]:
    state = bench.state(task)
    restore(state, saved)
    bench.train(task, state)
    return outcome(task, state)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    plain = all(one[key] == other[key] for key in ("lines", "figures"))
    return plain and not differences(one["tensors"], other["tensors"])


@pytest.fixture
def whole(bench: Any) -> dict[str, Any]:
    """The outcome without a stop."""
    task = tasks(bench, "whole")
    state = bench.state(task)
    bench.train(task, state)
    return outcome(task, state)


def test_with_all_fields_it_is_the_same_run(bench: Any, whole: dict[str, Any]) -> None:
    task, saved = stopped(bench, "stopped")
    assert same(resumed(bench, task, saved), whole)


FIELDS = [f.name for f in dataclasses.fields(Checkpoint) if f.name not in NOT_RESTORED]


@pytest.mark.parametrize("name", FIELDS)
def test_without_one_of_them_it_is_not(bench: Any, whole: dict[str, Any], name: str) -> None:
    task, saved = stopped(bench, "stopped")
    fresh = bench.state(task)
    unsaved = {
        "model": {k: v.clone() for k, v in fresh.model.state_dict().items()},
        "ema": {k: v.clone() for k, v in fresh.ema.state_dict().items()},
        "optimizer": fresh.optimizer.state_dict(),
        "rows": torch.zeros_like(saved.rows),
        "watch": vars(Watch()),
    }
    value = unsaved[name] if name in unsaved else getattr(TrainState, name)
    try:
        found = resumed(bench, task, replace(saved, **{name: value}))
    except (IndexError, UserError):
        return  # a run that cannot go on is another one as well
    assert not same(found, whole)
