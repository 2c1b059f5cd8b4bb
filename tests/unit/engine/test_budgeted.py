"""The loop under a time budget, by a clock that the test moves: it ends on time, and resumes."""

import json
import math
import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.augmentation.resizing import Downscale
from cnn_cli.engine import checkpoint, session
from cnn_cli.engine import train as loop
from cnn_cli.engine.budget import Pace
from cnn_cli.engine.resume_check import differences, everything
from cnn_cli.engine.state import TrainState, restore
from cnn_cli.engine.task import Task
from cnn_cli.errors import UserError

STEP = 1 / 16
"""Seconds; times are sums of powers of two, so that differences of them are exact."""
VALIDATION, SAVE = 0.75, 0.25


class Clock:
    """Seconds that pass as work is done: `per_step(step)` in a step, and the fixed times."""

    def __init__(self, per_step: Callable[[int], float]) -> None:
        self.now, self.per_step = 100.0, per_step
        self.progress: list[tuple[float, float]] = []
        """share of the time and of the schedule, before each step"""
        self.factors: list[float] = []

    def install(self, patch: pytest.MonkeyPatch, *, real: bool) -> None:
        """Have the loop go by it; the steps are real, or do nothing but count."""
        step, validate, save = loop.train_step, loop._validate, loop.save

        def timed_step(state: TrainState, *rest: Any) -> None:
            assert state.pace is not None
            self.progress.append((state.elapsed / state.pace.budget, state.progress(0.5)))
            if real:
                step(state, *rest)
            self.now += self.per_step(state.step)

        def timed_validation(task: Task, state: TrainState) -> dict[str, float]:
            self.now += VALIDATION / STEP * self.per_step(state.step)
            return validate(task, state) if real else {"loss": 1.0, "accuracy": 0.5}

        def timed_save(task: Task, state: TrainState, *rest: Any, **named: Any) -> None:
            if real:
                save(task, state, *rest, **named)
            self.now += SAVE

        patch.setattr(loop, "train_step", timed_step)
        patch.setattr(loop, "_validate", timed_validation)
        patch.setattr(loop, "save", timed_save)
        patch.setattr(session, "time", SimpleNamespace(monotonic=lambda: self.now))


def endless(bench: Any, name: str = "run", **changes: Any) -> Task:
    task: Task = bench.task(name, **changes)
    return replace(task, plan=replace(task.plan, epochs=None))


def begun(bench: Any, task: Task, budget: float, guess: float = STEP) -> TrainState:
    """A state that has been told its budget, and that steps take `guess` seconds."""
    state: TrainState = bench.state(task)
    state.pace = Pace(budget, guess, (VALIDATION + SAVE) / STEP, SAVE)
    state.total = task.calendar.last_step(state.pace.costs, 0, state.pace.left(0.0))
    return state


NOISE = random.Random(0)
JITTER = [NOISE.uniform(0.5, 2.0) for _ in range(4096)]
SPEEDS: dict[str, Callable[[int], float]] = {
    "constant": lambda _: STEP,
    "half as fast from the middle on": lambda step: STEP * (1 + (step > 250)),
    "twice as fast from the middle on": lambda step: STEP / (1 + (step > 250)),
    "slower and slower": lambda step: STEP * (1 + step / 500),
    "waves of a half": lambda step: STEP * (1 + 0.5 * math.sin(step / 40)),
    "jitter": lambda step: STEP * JITTER[step],
    "stalls": lambda step: STEP * (20 if step % 100 == 99 else 1),
    "half as fast for the last steps": lambda step: STEP * (1 + (step > 500)),
}


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("guess", [STEP / 2, STEP, 2 * STEP])
@pytest.mark.parametrize("changes", [{"batch_size": 2}, {"batch_size": 2, "checkpoint_every": 50}])
def test_it_ends_on_time_with_the_schedule_whatever_the_speed(
    bench, monkeypatch, speed, guess, changes
):
    clock = Clock(SPEEDS[speed])
    clock.install(monkeypatch, real=False)
    task = endless(bench, **changes)
    state = begun(bench, task, 60.0, guess)
    assert bench.train(task, state) == "finished"
    assert 0.96 * 60 < state.elapsed < 1.03 * 60
    assert clock.now - 100 == pytest.approx(state.elapsed)
    shares, progress = zip(*clock.progress, strict=True)
    assert all(a < b for a, b in pairwise(progress)), "it went back"
    assert progress[-1] > 0.98, "the schedule was cut off"
    assert all(abs(a - b) < 0.12 for a, b in zip(shares, progress, strict=True))


def test_a_validation_that_takes_longer_than_was_guessed_is_learned_from(bench, monkeypatch):
    Clock(lambda _: STEP).install(monkeypatch, real=False)
    task = endless(bench)
    state = begun(bench, task, 16.0)
    state.pace = replace(state.pace, closing=0.5)  # a thirtieth of what it takes
    assert bench.train(task, state) == "finished"
    assert 14.5 < state.elapsed <= 16.0
    assert state.pace.costs.closing == VALIDATION + SAVE


@pytest.mark.parametrize("ahead", [1.0, 2.5])
def test_pictures_that_are_small_at_first_do_not_end_it_early(bench, monkeypatch, ahead):
    """A step then takes four times as long, and the validation at the end as long as before."""
    clock = Clock(lambda _: STEP if clock.progress[-1][1] >= 0.5 else STEP / 4)
    clock.install(monkeypatch, real=False)
    half = Augmentation({"downscale": Downscale(0.5)}, 0, {"downscale": 0.5})
    task = endless(bench, batch_size=2, validate_every=1000)
    task = replace(task, settings=replace(task.settings, augmentation=half))
    state = begun(bench, task, 60.0, STEP / 4)
    state.pace = replace(state.pace, closing=4 * state.pace.closing, ahead=ahead)
    assert bench.train(task, state) == "finished"
    assert 0.96 * 60 < state.elapsed < 1.03 * 60
    assert clock.progress[-1][1] > 0.98
    assert all(progress < 0.98 for share, progress in clock.progress if share < 0.9)
    lines = [json.loads(line) for line in task.run.metrics.read_text().splitlines()]
    assert [line["val"] is not None for line in lines[-3:]] == [False, False, True]


def test_a_long_stall_at_the_end_is_the_end(bench, monkeypatch):
    clock = Clock(lambda step: 20.0 if step == 500 else STEP)
    clock.install(monkeypatch, real=False)
    task = endless(bench, batch_size=2)
    state = begun(bench, task, 60.0)
    assert bench.train(task, state) == "finished"
    assert state.step == state.total == 501


def test_the_part_of_an_epoch_at_the_end_is_validated_recorded_and_saved(bench, monkeypatch):
    Clock(lambda _: STEP).install(monkeypatch, real=True)
    task = endless(bench, validate_every=2)
    state = begun(bench, task, 2.875)
    assert bench.train(task, state) == "finished"
    lines = [json.loads(line) for line in task.run.metrics.read_text().splitlines()]
    assert [line["step"] for line in lines][-2:] == [8, 10]
    assert lines[-1]["val"] is not None
    saved = checkpoint.load(task.run.pointer("last"))
    assert (saved.step, saved.total) == (state.step, state.total)


def test_no_validation_in_between_means_more_steps(bench, monkeypatch):
    Clock(lambda _: STEP).install(monkeypatch, real=False)
    steps = []
    for every in (1, 1000):
        task = endless(bench, f"every{every}", validate_every=every)
        state = begun(bench, task, 20.0)
        bench.train(task, state)
        assert 18.5 < state.elapsed <= 20.0
        steps.append(state.step)
    assert steps[1] > 3 * steps[0]


def stop_at(task: Task, step: int) -> Task:
    """The task, stopped by a SIGTERM while it works on that step."""
    source = task.dataset.train

    class Interrupting:
        crops = source.crops

        def __len__(self) -> int:
            return len(source)

        def batches(self, *given: Any) -> Any:
            for batch in source.batches(*given):
                if batch.step == step - 1:
                    os.kill(os.getpid(), signal.SIGTERM)
                yield batch

    return replace(task, dataset=replace(task.dataset, train=Interrupting()))


def drifting(step: int) -> float:
    """Half as fast for a while, in exact seconds."""
    return STEP * (1 + (20 < step < 60))


def lines(task: Task) -> list[Any]:
    """Those of metrics.jsonl, elapsed time included; the speed is that since the stop."""
    found = [json.loads(line) for line in task.run.metrics.read_text().splitlines()]
    for line in found:
        del line["time"]["images_per_second"]
    return found


CHANGES = {"ema_decay": 0.9, "batch_size": 6, "validate_every": 2}


@pytest.fixture
def whole(bench, monkeypatch) -> tuple[Task, TrainState]:
    """A run of 14 s that was never stopped."""
    with monkeypatch.context() as patch:
        Clock(drifting).install(patch, real=True)
        task = endless(bench, "whole", **CHANGES)
        state = begun(bench, task, 14.0)
        assert bench.train(task, state) == "finished"
    assert state.pace is not None
    assert state.pace.step > 0, "nothing was corrected"
    return task, state


# Not at a validation, whose time is not known yet when its checkpoint is written.
@pytest.mark.parametrize("stop", [1, 5, 11, 21, 23, 29, 45, 58, 70])
def test_a_resume_is_bit_exact_where_the_clock_is(bench, monkeypatch, whole, stop):
    Clock(drifting).install(monkeypatch, real=True)
    task = endless(bench, "parts", **CHANGES)
    assert bench.train(stop_at(task, stop), begun(bench, task, 14.0)) == "SIGTERM"
    saved = checkpoint.load(task.run.pointer("last"))
    assert saved.step == stop
    again = bench.state(task)
    restore(again, saved)
    assert bench.train(task, again) == "finished"
    assert (again.total, again.pace) == (whole[1].total, whole[1].pace)
    assert not differences(everything(whole[1]), everything(again))
    assert lines(task) == lines(whole[0])


def test_without_what_was_decided_a_resume_is_another_run(bench, monkeypatch, whole):
    Clock(drifting).install(monkeypatch, real=True)
    task = endless(bench, "parts", **CHANGES)
    bench.train(stop_at(task, 29), begun(bench, task, 14.0))
    saved = checkpoint.load(task.run.pointer("last"))
    fresh = begun(bench, task, 14.0)
    again = begun(bench, task, 14.0)
    restore(again, replace(saved, pace=None))
    again.pace, again.total = fresh.pace, fresh.total
    bench.train(task, again)
    assert differences(everything(whole[1]), everything(again))


def test_a_run_that_has_ended_trains_no_further(bench, monkeypatch):
    Clock(lambda _: STEP).install(monkeypatch, real=True)
    task = endless(bench)
    state = begun(bench, task, 3.0)
    bench.train(task, state)
    again = bench.state(task)
    restore(again, checkpoint.load(task.run.pointer("last")))
    before = everything(again)
    assert bench.train(task, again) == "finished"
    assert not differences(before, everything(again))


def test_a_damaged_pace_is_refused(bench, monkeypatch):
    Clock(lambda _: STEP).install(monkeypatch, real=True)
    task = endless(bench)
    bench.train(task, begun(bench, task, 3.0))
    saved = checkpoint.load(task.run.pointer("last"))
    assert saved.pace is not None
    with pytest.raises(UserError, match="pace"):
        restore(bench.state(task), replace(saved, pace={**saved.pace, "per_step": 0.0}))


def test_a_hard_stop_and_patience_end_it_before(bench, monkeypatch):
    Clock(lambda _: STEP).install(monkeypatch, real=False)
    task = replace(endless(bench, "stopped"), max_seconds=5.0)
    state = begun(bench, task, 20.0)
    assert bench.train(task, state) == "time is up"
    assert state.step < state.total
    task = endless(bench, "patient", patience=2)
    assert bench.train(task, begun(bench, task, 20.0)) == "early stop"
