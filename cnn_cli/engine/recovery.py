"""What training does about steps that were not finite: stop, skip or roll back.

Such a step has left the weights alone in any case, see engine.finite.
"""

import math
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from cnn_cli import sidecar
from cnn_cli.engine import checkpoint
from cnn_cli.engine.display import Display
from cnn_cli.engine.records import lines_until
from cnn_cli.engine.state import GRAD_NORM, LOSS, TrainState, restore
from cnn_cli.engine.task import Task
from cnn_cli.errors import TrainingError
from cnn_cli.run import find_checkpoint

IN_A_ROW = 20
"""Steps that may be skipped one after another: then nothing is being learned any more."""
ROLLBACKS = 3
"""Returns to one and the same checkpoint, each at half of the rate before, until training stops."""
LOWER = 0.5


class NonFiniteStepError(TrainingError):
    """Training cannot go on as it is; the message says since when, why and what to try."""


def bad_rows(state: TrainState, rows: Tensor) -> Tensor:
    """(n,) bool: the rows (n, 4) of steps that were not finite.

    fp16 expects gradients that overflow: its scaler skips those steps by itself.
    """
    suspects = rows[:, [LOSS, GRAD_NORM]] if state.scaler is None else rows[:, [LOSS]]
    return ~suspects.isfinite().all(dim=1)


def check(task: Task, state: TrainState, first: int) -> None:
    """Look at steps first .. state.step - 1 of one epoch, which the device is waited for.

    Raises NonFiniteStepError for one that was not finite; where such steps are to be skipped, for
    IN_A_ROW of them at the end.
    """
    begin = first % task.plan.steps_per_epoch
    rows = state.rows[begin : begin + state.step - first].cpu()
    bad = bad_rows(state, rows)
    if not bad.any():
        return
    if task.trainer.non_finite == "skip":
        number = min(IN_A_ROW, len(state.rows))
        if _all_bad(state, number):
            reason = _reason(task, state, state.step - number, "the loss or the gradient")
            raise NonFiniteStepError(f"{number} steps in a row were skipped: {reason}")
        return
    place = int(bad.nonzero()[0])
    what = "the gradient" if math.isfinite(rows[place, LOSS]) else "the loss"
    raise NonFiniteStepError(_reason(task, state, first + place, what))


def _all_bad(state: TrainState, number: int) -> bool:
    """Whether the last `number` steps were all bad."""
    places = [(state.step - 1 - back) % len(state.rows) for back in range(number)]
    return state.step >= number and bool(bad_rows(state, state.rows[places].cpu()).all())


def _reason(task: Task, state: TrainState, step: int, what: str) -> str:
    rate = state.optimizer.param_groups[0]["lr"]
    spoilt = [
        name
        for name, tensor in state.model.named_parameters()
        if not bool(tensor.detach().isfinite().all())
    ]
    if spoilt:  # from the start, as no step has changed them
        return (
            f"{what} is not finite at step {step + 1}: {spoilt[0]} has weights that are not; the"
            " file of first weights is no good"
        )
    skip = ". To leave out single steps of that kind: trainer.non_finite=skip"
    return (
        f"{what} is no longer finite since step {step + 1} (learning rate {rate:.3g}); no weight"
        " was changed by that step. Likely causes, in this order: a learning rate that is too high"
        f" (try optimizer.{lower_rate(state)}), no warm-up (schedule.warmup=0.1), exploding"
        " gradients (trainer.clip_norm=1), or reduced precision (device.precision=fp32)"
        f"{skip if task.trainer.non_finite == 'stop' else ''}"
    )


def lower_rate(state: TrainState) -> str:
    """A tenth of the peak rate that was set; Muon's kernels keep their norm, the rest may not."""
    defaults = state.optimizer.defaults
    key = "rest_lr" if "rest_lr" in defaults else "lr"
    return f"{key}={defaults[key] / 10:.3g}"


def put_back(task: Task, state: TrainState, saved: checkpoint.Checkpoint) -> list[str]:
    """Have the state as it was saved; gives notes on what the run's folder lacks by now.

    Raises UserError where the checkpoint does not fit.
    """
    restore(state, saved)
    notes = []
    state.metrics_bytes = lines_until(task.run.metrics, saved.step)
    if state.metrics_bytes < saved.metrics_bytes:
        lost = saved.metrics_bytes - state.metrics_bytes
        notes.append(f"{task.run.metrics} has lost {lost:,} bytes of its lines since then")
    best = task.run.checkpoints / sidecar.name_of(saved.best_step or 0)
    if saved.best_step is not None and (fault := sidecar.fault(best)):
        state.best, state.best_loss, state.best_step = None, None, None
        notes.append(f"{best}: {fault}; it was the best, which is chosen anew from here on")
    return notes


def roll_back(
    task: Task, state: TrainState, display: Display, reason: str, returned: dict[Path, int]
) -> None:
    """Go back to the last checkpoint, at half the rate; `returned` counts how often to which.

    Raises TrainingError where there is none yet, or going back to it does not help.
    """
    if not task.run.saved():
        raise TrainingError(
            f"{reason}. There is no checkpoint yet to go back to (trainer.checkpoint_every=N)"
        )
    path = find_checkpoint(str(task.run.folder), task.run.folder, "last").path
    times = returned[path] = returned.get(path, 0) + 1
    if times > ROLLBACKS:
        raise TrainingError(f"{reason}. Going back to {path.stem} {ROLLBACKS} times did not help")
    elapsed = state.elapsed
    for note in put_back(task, state, checkpoint.load(path)):
        display.warn(note)
    state.elapsed, state.unwritten = elapsed, b""
    if state.pace is not None:  # the time that was lost is no step's
        state.pace = replace(state.pace, read_step=state.step, read_at=elapsed)
    state.watch = replace(state.watch, factor=state.watch.factor * LOWER**times)
    display.warn(
        f"{reason.partition('; no weight')[0]}: back to {path.stem}, and on with rates"
        f" {LOWER**times:g} times as high"
    )
