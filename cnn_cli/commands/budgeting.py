"""trainer.budget: the first fit of a training into its time, from steps that are thrown away."""

import dataclasses
import json
import time
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from cnn_cli.config import TrainConfig
from cnn_cli.engine.budget import (
    FEWEST_STEPS,
    SMALLEST_BATCH,
    WORTHWHILE,
    Calendar,
    Pace,
    smaller,
    with_budget,
)
from cnn_cli.engine.costing import Costing, span
from cnn_cli.engine.estimate import disk, expected
from cnn_cli.engine.fitting import is_finite
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.task import Task
from cnn_cli.engine.trial import Trial
from cnn_cli.errors import UserError
from cnn_cli.limits import seconds as in_seconds
from cnn_cli.run import Run

HOPELESS = 40
"""Steps in all, below which it is said that nothing can come of it."""
GREATEST = 0.05
"""Of the budget: a step that takes more of it is not even timed, but one of half the pictures."""
LEAST = 1.5
"""Times what one step with all that belongs to it takes: what is advised as the least budget."""


@dataclass(frozen=True)
class Fit:
    """What a budget came to."""

    batch_size: int
    pace: Pace
    total: int
    bytes: int
    """of a checkpoint"""
    notes: tuple[str, ...]
    """on a size of batch that is not as it was set, and on a time that is too short"""

    def settled(self, config: TrainConfig) -> TrainConfig:
        """With the size of batch that was found, which the run then records."""
        trainer = dataclasses.replace(config.trainer, batch_size=self.batch_size)
        return dataclasses.replace(config, trainer=trainer)

    def start(self, task: Task, state: TrainState) -> Costing:
        """Have a state before its first step know of it; gives what training will cost."""
        state.pace, state.total, state.elapsed = self.pace, self.total, self.pace.read_at
        costing = expected(task, state, self.pace.per_step)
        return dataclasses.replace(costing, disk=disk(task, state, self.bytes))


def fit(config: TrainConfig, task: Task, state: TrainState) -> Fit:
    """How many steps, and of how many pictures, fit into trainer.budget; `state` stays as it is.

    Times a few steps of the batch as it is set, or of the largest of its halves that can be timed
    in a small part of the budget; then of half of that and so on while fewer than FEWEST_STEPS fit
    and half the batch gives many more. What that takes counts: it is the elapsed time of the pace.
    Raises UserError where not one step fits, or pictures cannot be read.
    """
    start, text = time.monotonic(), str(config.trainer.budget)
    budget, trial = in_seconds(text), Trial(task, state)
    augmentation = task.settings.augmentation
    ahead = augmentation.pixels_ahead(0.0) / augmentation.pixels(0.0)
    first = _first_size(task, trial, budget)
    size: int | None = first
    tried: list[tuple[int, Pace, int]] = []
    # before the save, for which there has to be a momentum
    steps = trial.steps(dataclasses.replace(task.plan, batch_size=first), budget)
    validation, (save, written) = trial.validation(budget), trial.save()
    while size is not None:
        each = median(steps)
        pace = Pace(budget, each, (validation + save) / each, save, recent=steps, ahead=ahead)
        elapsed = time.monotonic() - start
        total = _last_step(task, size, pace, elapsed)
        if tried and total < WORTHWHILE * _last_step(task, *tried[-1][:2], elapsed):
            break
        tried.append((size, pace, total))
        # by the fastest step: others' work can only make one slower, and a size is there to stay
        fastest = dataclasses.replace(pace, per_step=min(steps))
        size = smaller(_last_step(task, size, fastest, elapsed), size, task.trainer.accumulate)
        steps = trial.steps(dataclasses.replace(task.plan, batch_size=size), budget) if size else ()
    size, pace, _ = tried[-1]
    elapsed = time.monotonic() - start
    total = _last_step(task, size, pace, elapsed)
    if total == 0:
        raise UserError(
            f"trainer.budget={text}: too short for one step with its validation and checkpoint;"
            f" give {span(LEAST * (elapsed + pace.per_step + validation + save))} or more"
        )
    return Fit(
        size, dataclasses.replace(pace, read_at=elapsed), total, written, _notes(task, size, total)
    )


def _first_size(task: Task, trial: Trial, budget: float) -> int:
    """The batch as it is set, or by halves of it one whose step takes no great part of the budget.

    From the smallest up, each told from the one before: the whole batch could outlast the budget.
    """
    sizes, least = [task.batch_size], max(SMALLEST_BATCH, task.trainer.accumulate)
    while sizes[-1] // 2 >= least:
        sizes.append(sizes[-1] // 2)
    for number, (size, larger) in enumerate(pairwise(reversed(sizes))):
        for _ in range(2 if number == 0 else 1):  # the very first step is slow
            (seconds,) = trial.steps(dataclasses.replace(task.plan, batch_size=size), 0.0)
        if seconds * larger / size > GREATEST * budget:
            return size
    return task.batch_size


def _last_step(task: Task, batch_size: int, pace: Pace, elapsed: float) -> int:
    """The most steps of a batch of that size that fit."""
    trainer = task.trainer
    epoch = dataclasses.replace(task.plan, batch_size=batch_size).steps_per_epoch
    calendar = Calendar(epoch * trainer.validate_every, trainer.checkpoint_every)
    return calendar.last_step(pace.costs, 0, pace.left(elapsed))


def _notes(task: Task, size: int, total: int) -> tuple[str, ...]:
    told = []
    if size != task.batch_size:
        told.append(
            f"trainer.batch_size is {size} instead of {task.batch_size}, for more steps in the"
            f" time: fewer than {FEWEST_STEPS} are too few to train"
        )
    if total < HOPELESS:
        told.append(
            f"trainer.budget={task.trainer.budget} has time for about {total} steps, which teach"
            " next to nothing: give more, or take a smaller model"
        )
    return tuple(told)


def go_on(task: Task, state: TrainState) -> None:
    """Have a restored state know how much time there is by now.

    Raises UserError where there is none for a single step, and the report is made.
    """
    if state.pace is None:
        return
    whole = _reported_seconds(task.run)
    if whole > state.elapsed:  # the last validation and save, which their checkpoint cannot know
        state.pace = state.pace.closed(whole - state.elapsed)  # by what the end was decided
        state.elapsed = whole
    budget = in_seconds(str(task.trainer.budget))
    state.pace, state.total = with_budget(
        state.pace, state.total, state.step, state.elapsed, task.calendar, budget
    )
    pace = state.pace
    last = task.calendar.last_step(pace.costs, state.step, pace.left(state.elapsed))
    if task.run.is_reported and state.step in (state.total, last):
        raise UserError(
            f"resume: this run has used its time: trainer.budget={task.trainer.budget}, and"
            f" {span(state.elapsed)} of training; to train on, give more of it than it had:"
            " trainer.budget=TIME"
        )


def _reported_seconds(run: Run) -> float:
    """How long the training took that the run's report is of; 0 where there is none to read."""
    try:
        told = json.loads((run.report / "report.json").read_bytes())["cost"]["train_seconds"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
    return float(told) if is_finite(told) else 0.0
