"""The proof that a resume is exact: passes here, and fails where something is not saved."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from cnn_cli.engine import resume_check as checked
from cnn_cli.engine.resume_check import differences, everything, resume_check
from cnn_cli.optim.muon import Muon


def silent(_: int) -> None:
    pass


def maker(bench: Any, **changes: Any) -> Any:
    def make() -> Any:
        task = bench.task(**changes)
        return task, bench.state(task)

    return make


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ema_decay": 0.9, "accumulate": 2, "clip_norm": 0.1},
        {"epochs": 12},  # more than one epoch on either side
    ],
)
def test_a_resume_is_exact(bench, changes):
    found = resume_check(maker(bench, **changes), silent)
    assert found.passed
    assert found.saved == found.steps // 2 > 1
    assert found.tensors > 20


def test_with_muon_as_well(bench):
    def make() -> Any:
        task = bench.task()
        state = bench.state(task)
        options = {"momentum": 0.6, "rest_lr": 0.05, "rest_momentum": 0.85, "weight_decay": 0.1}
        state.optimizer = Muon(state.model.parameters(), lr=0.1, **options)
        rates = tuple(group["lr"] for group in state.optimizer.param_groups)
        return replace(task, settings=replace(task.settings, rates=rates)), state

    assert resume_check(make, silent).passed


def test_a_state_that_no_checkpoint_holds_is_found(bench):
    class Counting(torch.nn.Module):
        """Adds a little more at every call."""

        calls = 0

        def forward(self, maps: Any) -> Any:
            self.calls += self.training
            return maps + 0.001 * self.calls

    def make() -> Any:
        task = bench.task()
        state = bench.state(task)
        state.model.net[2] = torch.nn.Sequential(state.model.net[2], Counting())
        return task, state

    found = resume_check(make, silent)
    assert not found.passed
    assert found.repeatable
    assert all(name.startswith(("model.", "optimizer.", "rows")) for name in found.differing)


def test_a_training_that_is_never_the_same_is_told_apart(bench, monkeypatch):
    seen = iter(range(99))

    def make() -> Any:
        task = bench.task()
        state = bench.state(task)
        with torch.no_grad():
            state.model.net[6].bias += next(seen)
        return task, state

    found = resume_check(make, silent)
    assert not found.passed
    assert not found.repeatable


def test_slow_steps_are_fewer(bench, monkeypatch):
    monkeypatch.setattr(checked, "SECONDS", 0.0)
    assert resume_check(maker(bench), silent).steps == 2


def test_one_step_cannot_be_divided(bench):
    with pytest.raises(ValueError, match="one step"):
        resume_check(maker(bench, epochs=1, batch_size=99), silent)


def test_differences_name_what_is_missing_first(bench):
    task = bench.task()
    one = everything(bench.state(task))
    other = dict(one)
    other["rows"] = one["rows"] + 1
    del other["model.net.0.weight"]
    assert list(differences(one, other).items()) == [
        ("model.net.0.weight", float("inf")),
        ("rows", 1.0),
    ]
