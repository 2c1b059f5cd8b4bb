"""trainer.budget: the first fit by a clock that the test moves, and the command around it."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.cli import main
from cnn_cli.commands import budgeting
from cnn_cli.commands.budgeting import fit
from cnn_cli.data.plan import Plan
from cnn_cli.engine import budget, checkpoint
from cnn_cli.engine.budget import Calendar, Pace
from cnn_cli.errors import UserError
from cnn_cli.run import Run

SMALL = (
    "device.threads=1",
    "dataset.limit={train: 240}",
    "model.channels=[4]",
    "trainer.batch_size=32",
    "trainer.tensorboard=false",
)


class FakeTrial:
    """Takes the time that it is told, for each picture and each step."""

    now = 0.0
    a_step, a_picture, validation_seconds, save_seconds = 0.0, 0.001, 0.5, 0.25

    def __init__(self, *_: Any) -> None:
        pass

    def steps(self, plan: Plan, seconds: float) -> tuple[float, ...]:
        each, count = self.a_step + self.a_picture * plan.batch_size, 3 if seconds else 1
        FakeTrial.now += (count + bool(seconds)) * each  # the first of several warms up
        return (each,) * count

    def validation(self, _: float) -> float:
        FakeTrial.now += 0.1
        return self.validation_seconds

    def save(self) -> tuple[float, int]:
        FakeTrial.now += self.save_seconds
        return self.save_seconds, 1000


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> type[FakeTrial]:
    fresh = type("Fresh", (FakeTrial,), {})
    FakeTrial.now = 0.0
    monkeypatch.setattr(budgeting, "Trial", fresh)
    monkeypatch.setattr(budgeting, "time", SimpleNamespace(monotonic=lambda: FakeTrial.now))
    return fresh


def asked(budget: str, batch_size: int = 256, accumulate: int = 1) -> tuple[Any, Any]:
    """A config and a task as far as a fit looks at them: 10,000 pictures."""
    trainer = SimpleNamespace(
        budget=budget, accumulate=accumulate, validate_every=1, checkpoint_every=None
    )
    own = {"plan": Plan(10_000, batch_size, None), "batch_size": batch_size, "trainer": trainer}
    task = SimpleNamespace(**own, settings=SimpleNamespace(augmentation=Augmentation({}, 0)))
    return SimpleNamespace(trainer=trainer), task


def test_a_budget_is_filled_with_steps_and_what_belongs_to_them(trial) -> None:
    found = fit(*asked("10m"), SimpleNamespace())
    assert (found.batch_size, found.notes) == (256, ())
    assert found.pace.per_step == 0.256
    elapsed = found.pace.read_at
    probed = 0.032 + 0.032 + 0.064 + 0.128
    assert elapsed == pytest.approx(probed + 4 * 0.256 + 0.1 + 0.25)
    spent = elapsed + found.total * 0.256 + (found.total // 39 + 1) * 0.75
    assert 600 - 0.256 - 0.25 * 0.75 < spent <= 600


@pytest.mark.parametrize(
    ("budget", "batch_size"), [("10m", 256), ("60s", 256), ("40s", 128), ("20s", 64), ("3s", 32)]
)
def test_few_steps_mean_smaller_batches_down_to_a_floor(trial, budget, batch_size) -> None:
    found = fit(*asked(budget), SimpleNamespace())
    assert found.batch_size == batch_size
    said = "; ".join(found.notes)
    assert (f"trainer.batch_size is {batch_size} instead of 256" in said) == (batch_size < 256)
    assert ("teach next to nothing" in said) == (found.total < 40)


def test_no_step_is_timed_that_would_take_a_great_part_of_the_budget(trial) -> None:
    trial.a_picture = 0.01  # 41 s for 4,096
    found = fit(*asked("60s", 4096), SimpleNamespace())
    assert found.batch_size <= 256
    assert found.pace.read_at < 0.3 * 60
    assert found.total > 50


def test_a_budget_that_is_too_short_is_soon_refused(trial) -> None:
    trial.a_picture = 0.05  # 200 s for 4,096
    with pytest.raises(UserError, match="too short for one step"):
        fit(*asked("2s", 4096), SimpleNamespace())
    assert FakeTrial.now < 15


def test_a_batch_stays_as_large_as_its_parts_need(trial) -> None:
    assert fit(*asked("9s", accumulate=100), SimpleNamespace()).batch_size == 128


def test_a_smaller_batch_that_gives_no_more_steps_is_not_taken(trial) -> None:
    trial.a_step, trial.a_picture = 0.2, 1e-5
    assert fit(*asked("20s"), SimpleNamespace()).batch_size == 256


def test_a_budget_without_room_for_a_step_is_refused(trial) -> None:
    with pytest.raises(UserError, match=r"^trainer\.budget=1s: too short .*; give 1\.9 s or more$"):
        fit(*asked("1s", batch_size=32), SimpleNamespace())


def trained(name: str, *settings: str) -> Run:
    assert main(["train", *SMALL, *settings, f"run.name={name}"]) == 0
    return Run(Path("runs", name).resolve())


def last(run: Run) -> checkpoint.Checkpoint:
    path = run.pointer("last")
    assert path is not None
    return checkpoint.load(path)


def test_a_run_goes_by_its_budget_and_goes_on_with_more(capsys) -> None:
    run = trained("timed", "trainer.budget=2s", "trainer.ema_decay=0.9")
    said = capsys.readouterr().out
    assert "trainer.budget=2s (trainer.epochs is not used)" in " ".join(said.split())
    assert "expected: 2.0 s (" in said
    assert "training took " in said
    ended = last(run)
    assert 0.2 < ended.elapsed < 3  # where others are at work, first steps are slow and few
    assert not list(run.folder.glob(".*tmp"))

    assert main(["resume=timed"]) == 2
    assert "give more of it than it had: trainer.budget=TIME" in capsys.readouterr().err
    assert main(["resume=timed", "trainer.budget=4s"]) == 0
    longer = last(run)
    assert longer.step > ended.step
    assert ended.elapsed + 0.5 < longer.elapsed < 6
    report = json.loads((run.report / "report.json").read_text())
    assert report["cost"]["train_seconds"] == pytest.approx(longer.elapsed, abs=0.5)


def test_the_size_of_batch_that_was_found_is_recorded(monkeypatch, capsys) -> None:
    real = budgeting.fit

    def smaller(*given: Any) -> budgeting.Fit:
        return dataclasses.replace(real(*given), batch_size=16, notes=("smaller batches",))

    monkeypatch.setattr(budgeting, "fit", smaller)
    run = trained("small", "trainer.budget=2s", "trainer.lr_batch=32")
    said = " ".join(capsys.readouterr().out.split())
    assert "note: smaller batches" in said
    assert "of 16 pictures" in said
    assert "peak rate scaled to 0.05" in said
    assert "batch_size: 16" in last(run).config
    assert last(run).rows.shape[0] == 15


def test_a_stopped_run_with_a_budget_goes_on_with_what_is_left(monkeypatch) -> None:
    from cnn_cli.engine import train as loop

    step = loop.train_step

    def stopping(state: Any, *rest: Any) -> None:
        step(state, *rest)
        if state.step == 9:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", stopping)
        assert main(["train", *SMALL, "trainer.budget=3s", "run.name=cut"]) == 143
    run = Run(Path("runs/cut").resolve())
    assert last(run).step == 10
    assert last(run).pace is not None
    assert main(["resume=cut"]) == 0
    assert last(run).step > 10
    assert 2 < last(run).elapsed < 4


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["trainer.epochs=3", "trainer.budget=9s"], "leave one of them out"),
        (["+trainer.epochs=3"], "trainer.epochs is there already"),
        (["trainer.budget=9"], "must be a time above 0 in s, m or h"),
        (["-m", "trainer.epochs=1,2", "trainer.budget=9s"], "leave one of them out"),
        (["trainer.budget=0.001s"], "too short for one step"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(settings, told, capsys) -> None:
    assert main(["train", *SMALL, *settings]) == 2
    assert told in capsys.readouterr().err
    assert not list(Path("runs").glob("2*")) if Path("runs").exists() else True


def test_epochs_beside_a_budget_of_a_recipe_are_refused_and_can_be_had(tmp_path, capsys) -> None:
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    text = "# @package _global_\n# Short.\ntrainer:\n  epochs: 7\n  budget: 2s\n"
    (folder / "short.yaml").write_text(text)
    given = ["--config-dir", str(folder.parent), *SMALL, "experiment=short", "trainer.epochs=1"]
    assert main(given) == 2
    assert "leave it out, or add trainer.budget=null" in capsys.readouterr().err
    assert main([*given, "trainer.budget=null"]) == 0


def test_a_resumed_run_keeps_to_its_kind_of_length(capsys) -> None:
    trained("timed", "trainer.budget=2s")
    for setting, told in {
        "trainer.epochs=30": "this run goes by time; give more of it: trainer.budget=TIME",
        "trainer.budget=1s": "can only get longer; recorded: 2s",
        "trainer.budget=null": "this run goes by time; recorded: 2s",
        "trainer.budget=x": "must be a time above 0 in s, m or h",
    }.items():
        assert main(["resume=timed", setting]) == 2
        assert told in capsys.readouterr().err, setting


def test_a_run_by_epochs_takes_no_budget(capsys) -> None:
    trained("counted", "trainer.epochs=1")
    assert main(["resume=counted", "trainer.budget=9s"]) == 2
    assert "this run goes by trainer.epochs" in capsys.readouterr().err


def test_a_trial_leaves_the_state_as_it_was(monkeypatch) -> None:
    """What is trained after it starts from the same weights, order and optimizer."""
    kept: dict[str, Any] = {}
    real = budgeting.fit

    def watched(config: Any, task: Any, state: Any) -> budgeting.Fit:
        before = {k: v.clone() for k, v in state.model.state_dict().items()}
        found = real(config, task, state)
        after = state.model.state_dict()
        kept["same"] = all(torch.equal(value, after[name]) for name, value in before.items())
        kept["rest"] = (state.step, state.optimizer.state_dict()["state"], int(state.rows.sum()))
        return found

    monkeypatch.setattr(budgeting, "fit", watched)
    trained("watched", "trainer.budget=2s")
    assert kept == {"same": True, "rest": (0, {}, 0)}


def test_smaller_batches_are_tried_with_mirror_images_in_turn(monkeypatch) -> None:
    """Which pictures a step has depends on the batch, and which are mirrored on the pictures."""
    monkeypatch.setattr(budget, "FEWEST_STEPS", 10**6)
    tried: list[int] = []
    real = budgeting.Trial.steps

    def watched(trial: Any, plan: Plan, seconds: float) -> tuple[float, ...]:
        tried.append(plan.batch_size)
        return real(trial, plan, seconds)

    monkeypatch.setattr(budgeting.Trial, "steps", watched)
    trained("turned", "trainer.budget=2s", "augmentation=alternating", "dataset.mirror=true",
            "trainer.batch_size=64")  # fmt: skip
    assert tried[2:4] == [64, 32]  # after two short steps


def test_a_check_of_the_set_up_takes_a_budget(capsys) -> None:
    assert main(["check=resume", *SMALL, "trainer.budget=1m"]) == 0
    assert "equal" in capsys.readouterr().out


def test_where_a_crop_is_cut_changes_no_weight(capsys) -> None:
    settings = ("trainer.epochs=2", "device.deterministic=true")
    one = trained("gathering", *settings)
    assert "crops while gathering" in " ".join(capsys.readouterr().out.split())
    other = trained("after", *settings, "trainer.crop_while_gathering=false")
    assert "crops after gathering" in " ".join(capsys.readouterr().out.split())
    weights = last(other).model
    assert all(torch.equal(value, weights[name]) for name, value in last(one).model.items())


def test_a_finished_run_is_refused_by_what_its_last_validation_took(tmp_path) -> None:
    """Its checkpoint was written before that was known: 0.05 s expected, 2.8 s taken."""
    run = Run(tmp_path)
    run.report.mkdir()
    told = {"metrics": {}, "cost": {"train_seconds": 9.8}, "provenance": {}}
    (run.report / "report.json").write_text(json.dumps(told))
    task = SimpleNamespace(run=run, calendar=Calendar(100), trainer=SimpleNamespace(budget="10s"))
    pace = Pace(10.0, 0.1, 0.5, read_step=7, read_at=7.0)
    state = SimpleNamespace(pace=pace, step=7, total=8, elapsed=7.0)
    with pytest.raises(UserError, match="has used its time"):
        budgeting.go_on(task, state)
    assert state.elapsed == 9.8
