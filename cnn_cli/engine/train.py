"""The training loop: one function that reads top to bottom, each periodic act a visible `if`."""

import math
from pathlib import Path

import torch

from cnn_cli.engine.display import Display
from cnn_cli.engine.graph import Replay, why_not
from cnn_cli.engine.predict import predict
from cnn_cli.engine.records import Figures, Record
from cnn_cli.engine.recovery import NonFiniteStepError, bad_rows, roll_back
from cnn_cli.engine.saving import note, save
from cnn_cli.engine.session import Session
from cnn_cli.engine.state import GRAD_NORM, TrainState
from cnn_cli.engine.step import train_step
from cnn_cli.engine.task import Task
from cnn_cli.engine.tensorboard import Board
from cnn_cli.engine.warmup import in_parts
from cnn_cli.errors import TrainingError, UserError, WorkerError
from cnn_cli.optim.schedules import Plateau
from cnn_cli.signals import Interrupts


def train(task: Task, state: TrainState, display: Display, board: Board | None) -> str:
    """Train from state.step to the end; returns why it ended.

    That is "finished", "early stop", "time is up", or the name of the signal that came. A state
    whose patience is used up already has ended: the signal came in the step of its early stop.
    Raises TrainingError where loss or gradient are not finite and trainer.non_finite does not help,
    or checkpoints cannot be written; earlier ones stay.
    """
    returned: dict[Path, int] = {}
    while True:
        try:
            return _train(task, state, display, board)
        except torch.OutOfMemoryError as error:
            task = _smaller_parts(task, state, display, error)
        except NonFiniteStepError as error:
            if task.trainer.non_finite != "rollback":
                raise TrainingError(str(error)) from error
            roll_back(task, state, display, str(error), returned)
        except (WorkerError, UserError) as error:  # of the pictures; the last step was finished
            save(task, state, display, final=True)
            raise TrainingError(str(error)) from error


def _smaller_parts(
    task: Task, state: TrainState, display: Display, error: torch.OutOfMemoryError
) -> Task:
    """The task with each batch in twice as many parts; statistics as before the step that failed.

    Others' work may have taken memory since the first step. Passes forward and backward are what
    takes memory: the update after them finds it free. Raises TrainingError where a part is a
    picture already.
    """
    parts = 2 * task.settings.accumulate
    if parts > task.batch_size:
        raise TrainingError(f"no GPU memory for a single picture: {error}") from error
    state.optimizer.zero_grad(set_to_none=True)
    state.statistics.restore(True)
    torch.cuda.empty_cache()
    display.warn(
        f"out of GPU memory at step {state.step + 1}: from here on in {parts} parts a step"
    )
    return in_parts(task, parts)


def _train(task: Task, state: TrainState, display: Display, board: Board | None) -> str:
    """As `train`; raises NonFiniteStepError."""
    ended = _has_ended(task, state, display, board)
    if ended:
        return ended
    session = Session(task, state, display)
    state.model.train()
    can_replay = not why_not(state.optimizer, task.device)
    replay = Replay(task.settings, task.device, display.warn) if can_replay else None
    with Interrupts() as interrupts:
        for batch in task.dataset.train.batches(task.plan, state.step, task.window):
            train_step(state, batch, task.settings, task.device, replay)
            state.step += 1
            due = session.stepped()

            ended = _why_stop(task, state, interrupts)
            due = due or bool(ended) or _closes(task, state) or _checkpoint_due(task, state)
            if due and session.read():
                figures = _read(task, state, state.step - 1, state.step)
                display.step(state.step, figures, session.rate(), session.seconds_left())
            # A reading may have found that this was the last step.

            if _closes(task, state) or ended == "time is up":
                task.device.synchronize()
                session.lap()
                ended, validated = _end_epoch(task, state, display, board, session.rate(), ended)
                session.closed(validated=validated)
            elif ended or _checkpoint_due(task, state):
                save(task, state, display, final=bool(ended))
                session.saved()
            if ended or state.step >= state.total:
                break
        task.device.synchronize()
        # One that came in the last validation or save counts as well: the report is for later.
        return interrupts.received or ended or "finished"


def _has_ended(task: Task, state: TrainState, display: Display, board: Board | None) -> str:
    """Why a state that is gone on with trains no further, "" where it does.

    Where a picture could not be read in the validation of an epoch, its line is made up for first.
    """
    if state.step > 0 and _closes(task, state) and state.recorded < state.step:
        with Interrupts() as interrupts:
            rate = state.step * task.batch_size / state.elapsed if state.elapsed else 0.0
            ended, _ = _end_epoch(task, state, display, board, rate, "")
        ended = interrupts.received or ended
        if ended:
            return ended
    if state.step >= state.total:
        return _early_stop(task, state) or "finished"
    if state.elapsed >= task.max_seconds and 0 < state.step < state.total:
        return "time is up"
    return _early_stop(task, state)


def _end_epoch(
    task: Task, state: TrainState, display: Display, board: Board | None, rate: float, ended: str
) -> tuple[str, bool]:
    """All that is due after an epoch, or the part of one that is the end.

    Returns why training ends, "" where it does not; and whether the validation was due.
    """
    record = _finish_epoch(task, state, rate, forced=ended == "time is up")
    display.epoch(record, state.best)
    if board:
        board.epoch(record, state.rows)
    ended = ended or _early_stop(task, state)
    if record.validated or ended or _checkpoint_due(task, state):
        final = bool(ended) or state.step == state.total
        save(task, state, display, final=final)
    return ended, record.validated


def _closes(task: Task, state: TrainState) -> bool:
    """Whether an epoch ends here, or training does, in the middle of one."""
    return state.step % task.plan.steps_per_epoch == 0 or state.step >= state.total


def _why_stop(task: Task, state: TrainState, interrupts: Interrupts) -> str:
    if interrupts.received:
        return interrupts.received
    if state.elapsed >= task.max_seconds and state.step < state.total:
        return "time is up"
    return ""


def _checkpoint_due(task: Task, state: TrainState) -> bool:
    every = task.trainer.checkpoint_every
    return every is not None and state.step % every == 0


def _early_stop(task: Task, state: TrainState) -> str:
    patience = task.trainer.patience
    return "early stop" if patience is not None and state.stale >= patience else ""


def _read(task: Task, state: TrainState, first: int, last: int) -> Figures:
    """The figures of steps first .. last - 1 of one epoch, read from the device."""
    size = task.plan.steps_per_epoch
    begin = first % size
    rows = state.rows[begin : begin + last - first].cpu().double()
    bad = bad_rows(state, rows)
    loss, correct, count, _ = rows[~bad].sum(dim=0).tolist()
    norms = rows[:, GRAD_NORM]
    norms = norms[norms.isfinite()]  # fp16's scaler skips steps that overflow
    norm = norms.mean().item() if len(norms) else 0.0
    rate = state.optimizer.param_groups[0]["lr"]
    count = max(count, 1.0)  # 0 where every step was skipped
    return Figures(loss / count, correct / count, norm, rate, int(bad.sum()))


def _finish_epoch(task: Task, state: TrainState, rate: float, forced: bool) -> Record:
    """Validate where due or forced, update best and stale, write the line of metrics.jsonl."""
    epoch = -(-state.step // task.plan.steps_per_epoch)
    due = epoch % task.trainer.validate_every == 0 or state.step == state.total or forced
    figures = _read(task, state, (epoch - 1) * task.plan.steps_per_epoch, state.step)
    validation = _validate(task, state) if due and len(task.dataset.val) else None
    if validation is not None:
        _listen(task, state, validation)
    record = Record(
        step=state.step,
        epoch=epoch,
        train=figures,
        validation=validation,
        validated=due,
        best=validation is not None and _note_best(task, state, validation),
        elapsed=state.elapsed,
        images_per_second=rate,
    )
    note(task, state, record)
    return record


def _validate(task: Task, state: TrainState) -> dict[str, float]:
    size = task.eval_batch_size
    try:
        found = predict(state.evaluated, task.dataset.val, task.dataset.classes, task.device, size)
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            "the validation does not fit into the GPU's memory:"
            f" trainer.eval_batch_size={max(1, size // 2)}"
        ) from error
    return {"loss": found.loss, "accuracy": found.accuracy}


def _listen(task: Task, state: TrainState, validation: dict[str, float]) -> None:
    """Let a schedule that listens hear what the validation said."""
    schedule, monitor = task.settings.schedule, task.trainer.monitor
    if isinstance(schedule, Plateau):
        higher = monitor == "accuracy"
        state.watch = schedule.after(state.watch, validation[monitor], higher_is_better=higher)


def _note_best(task: Task, state: TrainState, validation: dict[str, float]) -> bool:
    """Whether this validation is better than all before; keeps best and stale."""
    value, loss = validation[task.trainer.monitor], validation["loss"]
    sign = 1 if task.trainer.monitor == "accuracy" else -1
    # A tie of accuracies, common where there are few pictures, goes to the smaller loss.
    before = (-math.inf, 0.0)
    if state.best is not None and state.best_loss is not None:
        before = (sign * state.best, -state.best_loss)
    if not math.isfinite(loss) or (sign * value, -loss) <= before:
        state.stale += 1
        return False
    state.best, state.best_loss, state.best_step, state.stale = value, loss, state.step, 0
    return True
