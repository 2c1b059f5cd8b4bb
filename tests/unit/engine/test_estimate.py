"""What training is said to cost, and the words for it."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.augmentation.resizing import Downscale
from cnn_cli.engine import session, trial
from cnn_cli.engine import train as loop
from cnn_cli.engine.budget import Pace
from cnn_cli.engine.costing import Costing, size, span
from cnn_cli.engine.display import Display
from cnn_cli.engine.estimate import disk, expected, peak_memory, spent
from cnn_cli.engine.predict import batch_size_for
from cnn_cli.engine.trial import Trial


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"), (8.24, "8.2 s"), (45.4, "45 s"), (59.7, "1 min"), (200, "3 min 20 s"),
        (3600, "1 h"), (7500, "2 h 5 min"),
    ],
)  # fmt: skip
def test_a_span_of_time(seconds, text):
    assert span(seconds) == text


def test_sizes():
    assert (size(3_210_000), size(1_420_000_000)) == ("3.2 MB", "1.42 GB")


def test_the_end_is_held_against_what_was_expected():
    before = Costing(120, 15.0, 800_000_000, 9_000_000)
    after = Costing(130, None, 900_000_000, 6_000_000)
    assert before.told() == "2 min (15 s an epoch), memory 800.0 MB, checkpoints 9.0 MB"
    assert after.told(before) == (
        "2 min 10 s (expected 2 min), memory 900.0 MB (expected 800.0 MB),"
        " checkpoints 6.0 MB (expected up to 9.0 MB)"
    )
    assert after.told() == "2 min 10 s, memory 900.0 MB, checkpoints 6.0 MB"


def test_memory_that_nobody_tells_is_left_out():
    before = Costing(9, 1.0, None, 1_000_000)
    assert before.told() == "9.0 s (1.0 s an epoch), checkpoints 1.0 MB"
    assert "memory" not in before.told(before)


def test_time_is_that_of_the_steps_and_validations_to_come(bench):
    task = bench.task(epochs=3)  # 4 steps of 16 each, 25 pictures to validate
    state = bench.state(task)
    state.step, state.elapsed = 6, 10.0
    validation = 2.0 / 3 * 25 / 16
    found = expected(task, state, 2.0)
    assert found.seconds == pytest.approx(10.0 + 6 * 2.0 + 2 * validation)
    assert found.epoch == pytest.approx(4 * 2.0 + validation)


def test_small_pictures_take_as_much_less_as_they_have_fewer_pixels(bench):
    task = bench.task(epochs=3)
    half = Augmentation({"downscale": Downscale(0.5)}, 0, {"downscale": 0.5})
    task = replace(task, settings=replace(task.settings, augmentation=half))
    state = bench.state(task)
    state.step = 3  # of 12: the next three are done on quarters of the pixels, then six on all
    validation = 4 * 2.0 / 3 * 25 / 16
    assert expected(task, state, 2.0).seconds == pytest.approx(3 * 2 + 6 * 8 + 3 * validation)


def test_under_a_budget_the_time_is_that(bench):
    task = bench.task()
    state = bench.state(task)
    state.pace = Pace(60.0, 0.5, 2.0)
    found = expected(task, state, 99.0)
    assert (found.seconds, found.epoch) == (60.0, 4 * 0.5 + 1.0)


@pytest.mark.parametrize(
    "changes", [{"epochs": 1}, {"epochs": 5, "ema_decay": 0.9}, {"checkpoint_every": 2}]
)
def test_disk_is_that_of_the_checkpoints_that_are_kept(bench, changes):
    task = bench.task(**changes)
    state = bench.state(task)
    bench.train(task, state)
    told, taken = disk(task, state), spent(task, state).disk
    files = sorted(task.run.checkpoints.glob("*.ckpt"))
    assert taken == sum(file.stat().st_size for file in files) > 0
    biggest = max(file.stat().st_size for file in files)
    assert disk(task, state, biggest) in (biggest * len(files), biggest * (len(files) + 1))
    assert disk(task, state, biggest) <= told <= disk(task, state, biggest + 40_000)


def test_memory_is_that_of_this_process(bench):
    before = peak_memory(bench.task().device)
    held = torch.ones(before // 4 + 50_000_000)  # of 4 bytes each
    after = peak_memory(bench.task().device)
    assert before < after < before + 2 * held.nbytes


def test_it_is_said_once_after_the_first_steps(bench, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    step = loop.train_step

    def slow(state: Any, *rest: Any) -> None:
        step(state, *rest)
        clock.now += 5.0 if state.step == 0 else 0.5  # the first one warms up

    said: list[tuple[int, Costing]] = []
    state = bench.state(bench.task())
    monkeypatch.setattr(loop, "train_step", slow)
    monkeypatch.setattr(session, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(Display, "say", lambda self, *_: said.append((state.step, self.expected)))
    bench.train(bench.task(), state)
    ((at, costing),) = said
    assert at == 4
    # half a second for each step, a third of it for as many pictures of the validations to come
    assert costing.seconds == pytest.approx(5 + 11 * 0.5 + 2 * 0.5 / 3 * 25 / 16)


def test_a_trial_times_what_it_is_asked_and_changes_nothing(bench):
    task = bench.task(ema_decay=0.9)
    state = bench.state(task)
    before = {k: v.clone() for k, v in state.model.state_dict().items()}
    tried = Trial(task, state)
    steps = tried.steps(replace(task.plan, batch_size=70), 20.0)  # one batch an epoch, repeated
    assert 2 <= len(steps) <= 9
    assert all(seconds > 0 for seconds in steps)
    assert tried.validation(1.0) > 0
    seconds, written = tried.save()
    assert seconds > 0
    assert written > 1000
    assert not list(task.run.folder.iterdir())
    assert all(torch.equal(v, before[k]) for k, v in state.model.state_dict().items())
    assert (state.step, state.optimizer.state_dict()["state"]) == (0, {})
    assert not state.rows.any()


@pytest.mark.parametrize(
    ("acts", "counted"),
    [([5.0], [5.0]), ([0.9, 0.6, 0.6], [0.6, 0.6]), ([0.3] + [0.01] * 9, [0.01] * 9)],
)
def test_the_first_of_several_acts_warms_up(monkeypatch, acts, counted):
    clock, left = SimpleNamespace(now=0.0), iter(acts)

    def act() -> int:
        clock.now += next(left)
        return 7

    monkeypatch.setattr(trial, "time", SimpleNamespace(monotonic=lambda: clock.now))
    found = trial._repeated(act, 1.0)
    assert [seconds for seconds, _ in found] == pytest.approx(counted)
    assert {count for _, count in found} == {7}


def test_a_trial_without_validation_pictures(bench, make_dataset):
    task = bench.task(data=make_dataset(val_size=0))
    assert Trial(task, bench.state(task)).validation(1.0) == 0.0


@pytest.mark.parametrize(
    ("pixels", "count"), [(8, 500), (64, 500), (96, 222), (224, 40), (1024, 16)]
)
def test_large_pictures_are_evaluated_by_fewer(pixels, count):
    assert batch_size_for(pixels) == count
