"""What training writes while the disk is full."""

import json
import os
import signal
from dataclasses import replace
from typing import Any

import pytest
import torch

from cnn_cli.engine import checkpoint, saving
from cnn_cli.engine import train as loop
from cnn_cli.engine.records import append, lines_until
from cnn_cli.engine.state import restore
from cnn_cli.engine.task import Task
from cnn_cli.errors import TrainingError, UserError, WorkerError


def figures(task: Task) -> list[tuple[Any, Any]]:
    found = [json.loads(line) for line in task.run.metrics.read_text().splitlines()]
    return [(line["train"], line["val"]) for line in found]


class Disk:
    """checkpoint.save, which finds the disk full at the calls of these numbers (from 1)."""

    def __init__(self, *full: int) -> None:
        self.full, self.calls, self.save = full, 0, checkpoint.save

    def __call__(self, run: Any, saved: Any) -> Any:
        self.calls += 1
        if self.calls in self.full:
            raise OSError(28, "No space left on device")
        return self.save(run, saved)


def test_training_goes_on_while_the_disk_is_full(bench, monkeypatch):
    task = bench.task(epochs=5, checkpoint_every=2)
    whole = bench.state(task)
    bench.train(task, whole)
    monkeypatch.setattr(checkpoint, "save", Disk(1, 2, 4, 5, 7))
    other = bench.task("full", epochs=5, checkpoint_every=2)
    state = bench.state(other)
    assert bench.train(other, state) == "finished"
    saved = checkpoint.load(other.run.saved()[0]).model
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, state.model.state_dict()[name])
        assert torch.equal(tensor, saved[name])
    assert figures(other) == figures(task)
    best = checkpoint.load(other.run.pointer("best"))
    assert best.best_step == best.step  # of those that could be saved


def test_the_third_failure_in_a_row_ends_training(bench, monkeypatch):
    monkeypatch.setattr(checkpoint, "save", Disk(2, 3, 4))
    task = bench.task(epochs=9, checkpoint_every=2)
    with pytest.raises(TrainingError, match=r"step 8 could not .*No space left.*3rd failure"):
        bench.train(task, bench.state(task))
    assert checkpoint.load(task.run.pointer("last")).step == 2


def test_the_last_save_must_not_fail(bench, monkeypatch):
    monkeypatch.setattr(checkpoint, "save", Disk(3))
    task = bench.task(epochs=3)
    with pytest.raises(TrainingError, match=r"step 12 could not be written.*No space left"):
        bench.train(task, bench.state(task))


def test_lines_that_a_full_disk_refuses_come_later(bench, monkeypatch):
    task = bench.task(epochs=4)
    bench.train(task, bench.state(task))
    calls = []

    def full(path: Any, offset: int, text: bytes) -> int:
        calls.append(offset)
        if len(calls) in (2, 3):
            raise OSError(28, "No space left on device")
        return append(path, offset, text)

    monkeypatch.setattr(saving, "append", full)
    other = bench.task("full", epochs=4)
    bench.train(other, bench.state(other))
    assert figures(other) == figures(task)


@pytest.mark.parametrize("error", [WorkerError("worker 1 has died"), UserError("x.png: damaged")])
def test_pictures_that_fail_end_training_with_its_state_saved(bench, error):
    task = bench.task(epochs=4)
    whole = bench.state(task)
    bench.train(task, whole)
    other = bench.task("other", epochs=4)
    source = other.dataset.train

    class Failing:
        crops = source.crops

        def batches(self, *given: Any) -> Any:
            for batch in source.batches(*given):
                if batch.step == 6:
                    raise error
                yield batch

    broken = replace(other, dataset=replace(other.dataset, train=Failing()))
    with pytest.raises(TrainingError, match=str(error)):
        bench.train(broken, bench.state(broken))
    saved = checkpoint.load(other.run.saved()[0])
    assert saved.step == 6
    state = bench.state(other)
    restore(state, saved)
    bench.train(other, state)
    assert figures(other) == figures(task)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, state.model.state_dict()[name])


def test_lines_that_are_gone_are_not_made_up_of_nothing(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(b"one\ntw")
    assert append(file, 9, b"three\n") == 12
    assert file.read_bytes() == b"one\ntwthree\n"
    assert append(file, 4, b"three\n") == 10
    assert file.read_bytes() == b"one\nthree\n"


def test_lines_up_to_a_step(tmp_path):
    file = tmp_path / "metrics.jsonl"
    lines = [b'{"step": 4}\n', b"damaged\n", b'{"step": 8}\n', b'{"step": 12}\n', b'{"st']
    file.write_bytes(b"".join(lines))
    for step, count in ((3, 0), (4, 2), (8, 3), (11, 3), (10**13, 4)):
        assert lines_until(file, step) == len(b"".join(lines[:count]))
    assert lines_until(tmp_path / "none", 5) == 0


def test_the_folder_of_new_lines_is_on_the_disk(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.fstat(handle).st_ino))
    append(tmp_path / "metrics.jsonl", 0, b"one\n")
    assert flushed == [path.stat().st_ino for path in (tmp_path / "metrics.jsonl", tmp_path)]


def test_a_picture_that_fails_in_a_validation_loses_no_line(bench, monkeypatch):
    whole = bench.task("whole", epochs=4, patience=2)
    uninterrupted = bench.state(whole)
    ended = bench.train(whole, uninterrupted)

    task = bench.task(epochs=4, patience=2)
    predict, calls = loop.predict, []

    def failing(*given):
        calls.append(1)
        if len(calls) == 2:
            raise WorkerError("worker 0 has died")
        return predict(*given)

    monkeypatch.setattr(loop, "predict", failing)
    with pytest.raises(TrainingError, match="has died"):
        bench.train(task, bench.state(task))
    saved = checkpoint.load(task.run.pointer("last"))
    assert (saved.step, saved.recorded) == (8, 4)
    again = bench.state(task)
    restore(again, saved)
    assert bench.train(task, again) == ended
    assert figures(task) == figures(whole)
    for name in ("best", "best_loss", "best_step", "stale", "step"):
        assert getattr(again, name) == getattr(uninterrupted, name)


@pytest.mark.parametrize("call", [1, 3])
def test_a_signal_in_a_validation_is_never_swallowed(bench, monkeypatch, call):
    task = bench.task(epochs=3)
    predict, calls = loop.predict, []

    def interrupted(*given):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGTERM)
        return predict(*given)

    monkeypatch.setattr(loop, "predict", interrupted)
    state = bench.state(task)
    assert bench.train(task, state) == "SIGTERM"
    again = bench.state(task)
    restore(again, checkpoint.load(task.run.pointer("last")))
    assert bench.train(task, again) == "finished"
    assert [line[1] is not None for line in figures(task)] == [True] * 3


def test_a_run_whose_time_is_up_trains_no_further(bench):
    task = bench.task(epochs=3, max_time=None)
    state = bench.state(task)
    state.step, state.recorded, state.elapsed = 6, 4, 10.0
    assert bench.train(replace(task, max_seconds=10.0), state) == "time is up"
    assert state.step == 6


def test_a_signal_in_a_validation_that_is_made_up_for_counts_too(bench, monkeypatch):
    task = bench.task(epochs=3)
    state = bench.state(task)
    state.step, state.recorded = 4, 0
    predict = loop.predict

    def interrupted(*given):
        os.kill(os.getpid(), signal.SIGTERM)
        return predict(*given)

    monkeypatch.setattr(loop, "predict", interrupted)
    assert bench.train(task, state) == "SIGTERM"
    assert (state.step, state.recorded) == (4, 4)


def test_a_save_that_fails_between_validations_leaves_the_best_alone(bench, monkeypatch):
    task = bench.task(epochs=2, checkpoint_every=2)
    saved = []
    original = checkpoint.save

    def failing(run, made):
        if made.step == 6:
            saved.append((made.best_step, made.stale))
            raise OSError(28, "No space left on device")
        return original(run, made)

    monkeypatch.setattr(checkpoint, "save", failing)
    stale = []
    listen = loop._note_best
    monkeypatch.setattr(
        loop, "_note_best", lambda t, s, v: stale.append((s.best_step, s.stale)) or listen(t, s, v)
    )
    bench.train(task, bench.state(task))
    assert saved == [(4, 0)]
    assert stale[1] == (4, 0)
