"""`cnn-train train`: wire the parts, train, report."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnn_cli import pretrained, sidecar
from cnn_cli.commands import (
    budgeting,
    check,
    concluding,
    crossvalidation,
    first_weights,
    requirements,
    sizing,
    wiring,
)
from cnn_cli.commands.overview import overview, resume_command
from cnn_cli.commands.requirements import Demands
from cnn_cli.commands.trained import (
    as_it_was,
    check_shapes,
    fewer_threads,
    find,
    other_arithmetic,
)
from cnn_cli.config import TrainConfig, short_name
from cnn_cli.device import Device, choose, with_threads
from cnn_cli.engine import checkpoint
from cnn_cli.engine.costing import Costing
from cnn_cli.engine.display import Display, duration
from cnn_cli.engine.environment import environment
from cnn_cli.engine.estimate import spent
from cnn_cli.engine.recovery import put_back
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.task import Task
from cnn_cli.engine.tensorboard import Board
from cnn_cli.engine.train import train
from cnn_cli.errors import TrainingError, UserError
from cnn_cli.files import replacing, write_json
from cnn_cli.inputs import located, selection
from cnn_cli.lock import claimed
from cnn_cli.processors import free_cores
from cnn_cli.run import Run, find_checkpoint, find_run, run_folder, run_of
from cnn_cli.signals import EXIT_CODES, Stopped


def run(config: TrainConfig, overrides: list[str], folder: Path | None) -> int:
    """Train once, or once for each fold that `dataset.folds` asks for; or only check the set-up.

    Returns the exit code.

    `folder` is the job's own folder in a sweep. Raises what `train_once` does.
    """
    config = dataclasses.replace(config, dataset=located(config.dataset))
    if config.check is not None:
        return check.run(config, overrides)
    wanted = requirements.demands(config.require, config.baseline, config.run.root)
    if crossvalidation.wanted(config):
        where = _where(config, folder, None)
        return crossvalidation.run(config, overrides, where, wanted, train_once)
    place = _place_of_fold(config)
    code = train_once(config, overrides, folder, wanted)
    whole = crossvalidation.completed(config, place) if place and not code else None
    return crossvalidation.conclude(config, whole, Display(), wanted) if whole else code


def _place_of_fold(config: TrainConfig) -> Path | None:
    """The run's folder, where it is known before and this is one fold, trained alone."""
    if selection(config.dataset).fold is None:
        return None
    if config.resume:  # looked up now: training goes on to other checkpoints
        meant = find_run(config.resume, Path(config.run.root))
        run = meant if isinstance(meant, Run) else run_of(meant)
        return run.folder if run else None
    return Path(config.run.dir) if config.run.dir else None


def train_once(
    config: TrainConfig, overrides: list[str], folder: Path | None, wanted: Demands
) -> int:
    """Train, or go on training; then the report on the test split. Returns the exit code.

    `folder` is the job's own folder in a sweep. Raises UserError for what can only be seen with
    the data at hand, and TrainingError where training itself fails.
    """
    display = Display(brief=folder is not None, lasting=True)
    device = choose(config.device)
    root, path = Path(config.run.root), None
    if config.resume:
        path = find_checkpoint(config.resume, root, "last").path
    where = _where(config, folder, path)
    with claimed(where, is_new=path is None):
        if config.resume:  # again: until now another process may have gone on with it
            own = isinstance(find_run(config.resume, root), Run)
            path = find(str(where) if own else config.resume, config.run.root, display, "last")
            _where(config, folder, path)
        device, notes = _considerate(config, device, path)
        saved = checkpoint.load(path) if path else None
        first = None
        if saved and path:
            check_shapes(path, saved, config.model, config.trust)
        if not saved:  # a resumed run has weights, and pictures, of its own
            config, first, more = first_weights.settle(config, overrides)
            notes += more
        preprocessing, dataset = wiring.data(config, device, saved)
        requirements.check_sensible(wanted, dataset.classes)
        model = wiring.model(config, preprocessing, dataset, is_new=saved is None)
        notes += pretrained.prepare(model, config.model, first, dataset.classes)
        parts = device, preprocessing, dataset, Run(where), model
        config, chosen = sizing.settle(config, *parts)
        task, state, tried = sizing.task(config, *parts)
        costing, notes = None, [*notes, *chosen, *tried]
        if saved and path:
            notes += _resume(task, state, saved)
            checkpoint.adopt(task.run, path, saved)
        elif config.trainer.budget is not None:
            fit = budgeting.fit(config, task, state)
            notes += fit.notes
            if fit.batch_size != task.batch_size:
                config = fit.settled(config)
                task, state, _ = sizing.task(config, *parts)
            costing = fit.start(task, state)
        with display.logging(task.run.log):
            _write_start(config, overrides, task, state, first)
            return _train_and_report(config, task, state, display, notes, costing, wanted)


def _considerate(
    config: TrainConfig, device: Device, path: Path | None
) -> tuple[Device, list[str]]:
    """The device as a resumed run had it, or with threads for the processors that are free."""
    if path is not None:
        before = as_it_was(path, config.device.precision, device, config.device)
        return before, [*other_arithmetic(path, before), *fewer_threads(device, before)]
    if device.place.type != "cpu" or config.device.threads is not None:
        return device, []
    free = free_cores()
    if free >= device.threads:
        return device, []
    note = (
        f"others keep {device.threads - free} of {device.threads} processors busy, and threads that"
        f" wait for one are slow: {free} thread{'s' * (free > 1)} (device.threads={device.threads}"
        " takes them all)"
    )
    return with_threads(device, free), [note]


def _where(config: TrainConfig, job: Path | None, resumed: Path | None) -> Path:
    """The run's folder, not made yet: the sweep's job, the resumed run's own, or a new one."""
    if resumed is not None:
        run = run_of(resumed)
        if run is None:
            raise UserError(f"resume={resumed}: this file lies in no run's folder; give the run")
        last = next((path for path in run.saved() if not sidecar.fault(path)), None)
        if last is not None and last.name != resumed.name:
            raise UserError(
                f"resume={resumed}: its run has gone on to {last.stem}, which would be overwritten;"
                f" go on from there with resume={run.folder}, or start a new run"
            )
        return run.folder
    if job is not None:
        return job
    what = f"{short_name(config.dataset)}-{short_name(config.model)}"
    return run_folder(Path(config.run.root), config.run.dir, config.run.name, what)


def _resume(task: Task, state: TrainState, saved: checkpoint.Checkpoint) -> list[str]:
    """Have the state as it was saved; gives notes on what the run's folder lacks by now.

    Raises UserError where the run has come to its end, or the checkpoint is of something else.
    """
    if task.dataset.fingerprint != saved.fingerprint:
        raise UserError(
            "resume: the data set is not the one this run was started on (other pictures, labels or"
            " classes); give the folder it was trained from as dataset.root, or start a new run"
        )
    budgeted = task.trainer.budget is not None
    if not budgeted and saved.step >= state.total and task.run.is_reported:
        raise UserError(
            f"resume: this run has done its {saved.step} steps; to train on, give more epochs"
            " than it had: trainer.epochs=N"
        )
    patience = task.trainer.patience
    if patience is not None and saved.stale >= patience and task.run.is_reported:
        raise UserError(
            f"resume: this run has stopped early: no better validation in {saved.stale} of them,"
            f" and trainer.patience={patience}; start a new run with more patience to train longer"
        )
    if saved.elapsed >= task.max_seconds and task.run.is_reported:
        raise UserError(
            f"resume: trainer.max_time={task.trainer.max_time} is used up: this run has trained for"
            f" {duration(saved.elapsed)}; give more, or trainer.max_time=null"
        )
    notes = put_back(task, state, saved)
    budgeting.go_on(task, state)
    return notes


def _train_and_report(
    config: TrainConfig,
    task: Task,
    state: TrainState,
    display: Display,
    notes: Sequence[str],
    costing: Costing | None,
    wanted: Demands,
) -> int:
    display.say(overview(config, task, state, brief=display.brief))
    for note in (*notes, *task.dataset.notes):
        display.say(f"note: {note}", markup=False)
    if costing:
        display.expect(costing)
    board = Board(task.run.folder, state.step, display.warn) if config.trainer.tensorboard else None
    try:
        if board and state.step == 0:
            _sample(task, board)
        with display.training(state.step, state.total, task.plan.steps_per_epoch, state.best):
            ended = train(task, state, display, board)
        if ended in EXIT_CODES:
            display.say(
                f"stopped by {ended} after step {state.step} of {state.total}; the state is saved."
                f" Go on with: {resume_command(task.run, config.trust)}",
                markup=False,
            )
            return EXIT_CODES[ended]
        display.say(f"training took {spent(task, state).told(display.expected)}", markup=False)
        if ended != "finished":
            display.say(f"{ended} after step {state.step} of {state.total}", style="yellow")
        if ended == "time is up":
            command = f"{resume_command(task.run, config.trust)} trainer.max_time=null"
            display.say(f"go on later with: {command}", markup=False)
        return concluding.conclude(config, task, state, display, board, wanted)
    except (Stopped, KeyboardInterrupt):  # in the report: the training is saved already
        command = resume_command(task.run, config.trust)
        display.say(f"stopped; the report is made by: {command}", markup=False)
        raise
    except (TrainingError, UserError) as error:  # UserError: a file that cannot be read any more
        last = next(iter(task.run.saved()), None)
        kept = f"; the state of {last.stem} is kept in {task.run.folder}" if last else ""
        display.note(f"failed: {error}{kept}")
        raise TrainingError(f"{error}{kept}") from error
    finally:
        if board:
            board.close()


def _write_start(
    config: TrainConfig,
    overrides: list[str],
    task: Task,
    state: TrainState,
    first: pretrained.Pretrained | None,
) -> None:
    """config.yaml with all overrides as given, and environment.json; a resume adds its own."""
    run, given = task.run, [f"# override: {override}\n" for override in overrides]
    record = environment(task.device, ["cnn-train", *sys.argv[1:]])
    if first is not None:
        record["weights"] = {"file": str(first.path.resolve()), "sha256": first.sha256}
    if config.resume is not None:
        lines = (
            run.config.read_text(errors="replace").splitlines(True) if run.config.exists() else []
        )
        before = [line for line in lines if line.startswith("# ")]
        given = [*before, f"# resumed at step {state.step}\n", *given]
        started = _recorded_environment(run)
        resumed = [*started.get("resumed", []), {"step": state.step, **record}]
        record = {**started, "resumed": resumed}
    with replacing(run.config) as file:
        file.write(("".join(given) + task.config).encode())
    write_json(run.environment, record)


def _recorded_environment(run: Run) -> dict[str, Any]:
    """environment.json of the run's start; empty where it is damaged or gone."""
    try:
        found = json.loads(run.environment.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _sample(task: Task, board: Board) -> None:
    """What the model will see in the first step, after augmentation."""
    batch = next(task.dataset.train.batches(task.plan, 0, task.window))
    targets = batch.labels.new_zeros(len(batch.labels), len(task.dataset.classes)).float()
    images, _ = task.settings.augmentation(batch.images, targets, 0, task.settings.cropped)
    board.images("pictures/augmented", images[:32], 0)
