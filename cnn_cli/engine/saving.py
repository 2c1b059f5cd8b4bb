"""What training writes on its way, lines and checkpoints: a full disk does not end it."""

from functools import cache
from importlib import metadata
from typing import Any

import torch

from cnn_cli.engine import checkpoint
from cnn_cli.engine.checkpoint import NonFiniteError
from cnn_cli.engine.display import Display
from cnn_cli.engine.records import Record, append
from cnn_cli.engine.recovery import NonFiniteStepError
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.task import Task
from cnn_cli.errors import TrainingError

FAILURES = 3
"""Saves that may fail in a row; then training ends, as it would be lost anyway."""


def note(task: Task, state: TrainState, record: Record) -> None:
    """The record's line for metrics.jsonl; one that cannot be written now is with the next save."""
    state.unwritten += record.text()
    state.recorded = record.step
    try:
        _write_lines(task, state)
    except OSError:
        return  # save() tries again, and tells


def save(task: Task, state: TrainState, display: Display, *, final: bool) -> None:
    """Write a checkpoint. Where that fails, say so and go on with what is there already.

    Raises TrainingError for the third failure in a row and the `final` save; NonFiniteStepError for
    weights that are not finite.
    """
    try:
        _write_lines(task, state)
        checkpoint.save(task.run, snapshot(task, state))
    except NonFiniteError as error:
        text = f"no checkpoint was written at step {state.step}: {error}"
        raise NonFiniteStepError(text) from error
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        _failed(state, display, error, final)
        return
    state.failed_saves = 0
    state.saved_best = state.best, state.best_loss, state.best_step, state.stale


def _write_lines(task: Task, state: TrainState) -> None:
    if state.unwritten:
        state.metrics_bytes = append(task.run.metrics, state.metrics_bytes, state.unwritten)
        state.unwritten = b""


def _failed(state: TrainState, display: Display, error: Exception, final: bool) -> None:
    """Count a failed save; the best figure is again that of the checkpoint that is there."""
    state.failed_saves += 1
    if state.best_step == state.step:  # the weights it is a figure of are not on the disk
        state.best, state.best_loss, state.best_step, state.stale = state.saved_best
        state.stale += 1
        state.saved_best = state.best, state.best_loss, state.best_step, state.stale
    text = f"the checkpoint of step {state.step} could not be written: {error}"
    if final:
        raise TrainingError(text) from error
    if state.failed_saves == FAILURES:
        raise TrainingError(f"{text}; this was the {FAILURES}rd failure in a row") from error
    display.warn(f"{text}; training goes on, and tries again at the next one")


def snapshot(task: Task, state: TrainState) -> checkpoint.Checkpoint:
    """The state as a checkpoint holds it."""
    return checkpoint.Checkpoint(
        model=state.model.state_dict(),
        ema=state.ema.state_dict() if state.ema else None,
        optimizer=state.optimizer.state_dict(),
        scaler=state.scaler.state_dict() if state.scaler else None,
        step=state.step,
        total=state.total,
        best=state.best,
        best_loss=state.best_loss,
        best_step=state.best_step,
        stale=state.stale,
        rows=state.rows,
        elapsed=state.elapsed,
        metrics_bytes=state.metrics_bytes,
        classes=task.dataset.classes,
        preprocessing=task.preprocessing,
        config=task.config,
        fingerprint=task.dataset.fingerprint,
        versions=versions(),
        watch=vars(state.watch),
        recorded=state.recorded,
        pace=vars(state.pace) if state.pace else None,
    )


@cache  # to look them up takes 10 ms
def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    names: list[Any] = ["cnn-train", "torch", "torchvision", "numpy"]
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a bare checkout
            found[name] = "not installed"
    return found | {"torch": str(torch.__version__)}
