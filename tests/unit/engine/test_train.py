"""The loop: what it writes, when it stops, and that a resume is exact."""

import json
import math
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from cnn_cli.data.contract import Dataset
from cnn_cli.engine import checkpoint
from cnn_cli.engine import train as loop
from cnn_cli.engine.recovery import lower_rate
from cnn_cli.engine.state import COUNT, GRAD_NORM, TrainState, restore
from cnn_cli.engine.task import Task
from cnn_cli.engine.train import _read
from cnn_cli.optim.muon import Muon


def lines(task: Task) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in task.run.metrics.read_text().splitlines()]
    for line in found:
        del line["time"]
    return found


def figures(task: Task) -> list[tuple[Any, Any]]:
    return [(line["train"], line["val"]) for line in lines(task)]


def tensors(state: TrainState) -> dict[str, Tensor]:
    found = {f"model.{k}": v for k, v in state.model.state_dict().items()}
    if state.ema:
        found |= {f"ema.{k}": v for k, v in state.ema.state_dict().items()}
    for number, part in state.optimizer.state_dict()["state"].items():
        found |= {f"optimizer.{number}.{k}": v for k, v in part.items() if isinstance(v, Tensor)}
    return found | {"rows": state.rows}


def test_writes_a_line_an_epoch_and_two_checkpoints(bench):
    task = bench.task()
    state = bench.state(task)
    assert bench.train(task, state) == "finished"
    assert [line["step"] for line in lines(task)] == [4, 8, 12]
    assert [line["epoch"] for line in lines(task)] == [1, 2, 3]
    assert task.run.pointer("last").name == "step-00000012.ckpt"
    assert checkpoint.load(task.run.pointer("last")).step == 12
    best = checkpoint.load(task.run.pointer("best"))
    ranks = [(line["val"]["accuracy"], -line["val"]["loss"]) for line in lines(task)]
    assert (best.best, -best.best_loss) == max(ranks)
    assert best.step == 4 * (ranks.index(max(ranks)) + 1)
    kept = {path.name for path in task.run.checkpoints.glob("*.ckpt")}
    assert kept == {"step-00000012.ckpt", task.run.pointer("best").name}


def test_learns(bench):
    task = bench.task(epochs=12)
    bench.train(task, bench.state(task))
    assert lines(task)[-1]["val"]["accuracy"] > 0.9


@pytest.mark.parametrize("stop", [1, 3, 4, 6, 8, 11])
@pytest.mark.parametrize("changes", [{}, {"ema_decay": 0.9, "accumulate": 3, "clip_norm": 0.5}])
def test_resume_is_bit_exact(bench, stop, changes):
    whole = bench.task("whole", validate_every=2, **changes)
    uninterrupted = bench.state(whole)
    bench.train(whole, uninterrupted)

    task = bench.task("parts", validate_every=2, **changes)
    state = bench.state(task)
    stop_at(task, state, stop, bench)
    torch.manual_seed(12345)  # random state of the process must not matter
    saved = checkpoint.load(task.run.pointer("last"))
    assert saved.step == stop
    again = bench.state(task)
    restore(again, saved)
    assert bench.train(task, again) == "finished"

    expected, found = tensors(uninterrupted), tensors(again)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name
    assert lines(task) == lines(whole)
    for name in ("best", "best_loss", "best_step", "stale"):
        assert getattr(again, name) == getattr(uninterrupted, name)


@pytest.mark.parametrize("stop", [3, 4, 6])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 2), (2, 0), (2, 2)])
def test_resume_with_workers_equals_the_run_in_memory(bench, make_decoded, stop, before, after):
    whole = bench.task("whole")
    uninterrupted = bench.state(whole)
    bench.train(whole, uninterrupted)

    task = bench.task("parts", data=make_decoded(before))
    stop_at(task, bench.state(task), stop, bench)
    task = bench.task("parts", data=make_decoded(after))
    again = bench.state(task)
    restore(again, checkpoint.load(task.run.pointer("last")))
    assert bench.train(task, again) == "finished"

    found = tensors(again)
    for name, value in tensors(uninterrupted).items():
        assert torch.equal(value, found[name]), name
    assert lines(task) == lines(whole)


def stop_at(task: Task, state: TrainState, step: int, bench: Any) -> None:
    """Train until the process gets a SIGTERM while it works on `step`."""
    source = task.dataset.train

    class Interrupting:
        crops = source.crops

        def batches(self, *arguments: Any) -> Any:
            for batch in source.batches(*arguments):
                if batch.step == step - 1:
                    os.kill(os.getpid(), signal.SIGTERM)
                yield batch

    interrupted = replace(task, dataset=replace(task.dataset, train=Interrupting()))
    assert bench.train(interrupted, state) == "SIGTERM"
    assert state.step == step


def test_a_lost_line_after_the_checkpoint_is_cut_off(bench):
    task = bench.task(epochs=2)
    state = bench.state(task)
    stop_at(task, state, 4, bench)
    with task.run.metrics.open("a") as file:
        file.write('{"step": 999}\n')
    again = bench.state(task)
    restore(again, checkpoint.load(task.run.pointer("last")))
    bench.train(task, again)
    assert [line["step"] for line in lines(task)] == [4, 8]


def test_accumulation_changes_nothing_without_batch_norm(bench):
    states = []
    for parts in (1, 4):
        task = bench.task(f"parts{parts}", accumulate=parts)
        state = bench.state(task)
        state.model.net[1] = torch.nn.Identity()
        state.model.net[5] = torch.nn.Identity()
        state.optimizer = torch.optim.SGD(state.model.parameters(), lr=0.05, momentum=0.9)
        task = replace(task, settings=replace(task.settings, rates=(0.05,)))
        bench.train(task, state)
        states.append(state)
    one, four = (s.model.state_dict() for s in states)
    for name, value in one.items():
        torch.testing.assert_close(value, four[name], rtol=1e-4, atol=1e-6)


def test_early_stop_counts_validations_without_a_new_best(bench):
    task = bench.task(epochs=50, patience=2)
    task = replace(task, settings=replace(task.settings, rates=(0.0, 0.0)))
    state = bench.state(task)
    assert bench.train(task, state) == "early stop"
    accuracies = [line["val"]["accuracy"] for line in lines(task)]
    first = accuracies.index(max(accuracies))
    assert len(accuracies) == first + 3


def test_a_tie_of_accuracies_goes_to_the_smaller_loss(bench):
    task = bench.task(epochs=25)
    bench.train(task, bench.state(task))
    found = lines(task)
    best = [line["step"] for line in found if line["best"]]
    ranks = [(line["val"]["accuracy"], -line["val"]["loss"]) for line in found]
    assert best == [
        line["step"] for i, line in enumerate(found) if ranks[i] > max(ranks[:i], default=(-1, 0))
    ]
    accuracies = [line["val"]["accuracy"] for line in found]
    assert len(best) > len({accuracies[step // 4 - 1] for step in best}), "no tie was decided"


def test_time_is_up_validates_saves_and_stops(bench):
    task = bench.task(epochs=50, max_seconds=0.0)
    state = bench.state(task)
    assert bench.train(task, state) == "time is up"
    assert state.step == 1
    assert lines(task)[0]["val"] is not None
    assert task.run.pointer("best") == task.run.pointer("last")


def test_no_validation_pictures_means_no_best(bench, make_dataset: Callable[..., Dataset]):
    task = bench.task(data=make_dataset(val_size=0))
    state = bench.state(task)
    assert bench.train(task, state) == "finished"
    assert state.best is None
    assert task.run.pointer("best") is None
    assert task.run.pointer("last").name == "step-00000012.ckpt"
    assert lines(task)[-1]["val"] is None


def test_fewer_pictures_than_a_batch_make_one_smaller_step(
    bench, make_dataset: Callable[..., Dataset]
):
    task = bench.task(data=make_dataset(train_size=10))
    state = bench.state(task)
    bench.train(task, state)
    assert state.step == task.trainer.epochs
    assert state.rows[0, 2] == 10


def test_checkpoints_inside_an_epoch(bench):
    task = bench.task(checkpoint_every=3, epochs=1, validate_every=5)
    state = bench.state(task)
    stop_at(task, state, 4, bench)
    assert {p.name for p in task.run.checkpoints.glob("*.ckpt")} == {
        "step-00000003.ckpt",
        "step-00000004.ckpt",
    }
    names = []
    original = checkpoint.save

    def spy(run: Any, saved: Any) -> Any:
        names.append(saved.step)
        return original(run, saved)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "save", spy)
        task = bench.task("second", checkpoint_every=3, epochs=2)
        bench.train(task, bench.state(task))
    assert names == [3, 4, 6, 8]


def test_checkpoints_are_due_at_the_end_of_an_epoch_without_validation_as_well(bench):
    task = bench.task(checkpoint_every=4, epochs=4, validate_every=4)
    saved = []
    original = checkpoint.save
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "save", lambda r, c: saved.append(c.step) or original(r, c))
        bench.train(task, bench.state(task))
    assert task.plan.steps_per_epoch == 4
    assert saved == [4, 8, 12, 16]


def test_a_state_whose_patience_is_used_up_trains_no_further(bench):
    """A signal in the very step of the early stop must not give a resumed run another epoch."""
    task = bench.task(epochs=50, patience=2)
    state = bench.state(task)
    state.step, state.recorded, state.stale = 12, 12, 2
    before = {key: value.clone() for key, value in state.model.state_dict().items()}
    assert bench.train(task, state) == "early stop"
    assert state.step == 12
    assert all(torch.equal(value, before[key]) for key, value in state.model.state_dict().items())


def test_steps_that_fp16_skipped_leave_the_mean_gradient_finite(bench):
    task = bench.task()
    state = bench.state(task)
    state.scaler = torch.amp.GradScaler("cpu", enabled=False)
    state.rows[:, COUNT] = 16
    state.rows[:, GRAD_NORM] = torch.tensor([1.0, math.inf, 3.0, math.nan])
    assert _read(task, state, 0, 4).grad_norm == 2.0
    state.rows[:, GRAD_NORM] = math.nan
    assert _read(task, state, 0, 4).grad_norm == 0.0


def test_the_advice_names_the_rate_that_can_be_too_high(bench):
    task = bench.task()
    state = bench.state(task)
    assert lower_rate(state) == "lr=0.005"
    options = {"momentum": 0.6, "rest_momentum": 0.9, "weight_decay": 0.0}
    state.optimizer = Muon(state.model.parameters(), lr=0.1, rest_lr=0.05, **options)
    assert lower_rate(state) == "rest_lr=0.005"


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
def test_a_validation_that_is_not_finite_is_never_the_best(bench, monkeypatch, monitor):
    found = iter([(math.nan, 0.9), (0.5, 0.6), (math.nan, 0.9), (math.inf, 0.9)])
    monkeypatch.setattr(
        loop, "_validate", lambda *_: dict(zip(("loss", "accuracy"), next(found), strict=True))
    )
    task = bench.task(epochs=4, monitor=monitor)
    state = bench.state(task)
    bench.train(task, state)
    assert (state.best_step, state.best_loss, state.stale) == (8, 0.5, 2)
