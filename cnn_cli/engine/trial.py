"""What a step, a validation and a save take here: timed on a copy of the state, then thrown away.

Under a time budget the number of steps, and the size of a batch with it, has to be known before
the first step; training itself then starts as if this had not been.
"""

import copy
import dataclasses
import shutil
import time
from collections.abc import Callable, Iterator

import torch

from cnn_cli.data.contract import Batch, Split, Window
from cnn_cli.data.plan import Plan
from cnn_cli.engine import checkpoint
from cnn_cli.engine.budget import READINGS
from cnn_cli.engine.saving import snapshot
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.step import train_step
from cnn_cli.engine.task import Task
from cnn_cli.files import temporary
from cnn_cli.run import Run

SHARE = 0.02
"""Of the budget that the timed steps of one size of batch take, and those of validation; at least
three of each, or one that is slow."""
FEWEST, MOST = 2, READINGS
"""Timed acts of a kind."""


class Trial:
    """A copy of a state that is trained, validated and saved for a moment; the state stays."""

    def __init__(self, task: Task, state: TrainState) -> None:
        self.task = task
        self._copy = copy.deepcopy(state)  # as one: model, average and optimizer keep their ties

    def steps(self, plan: Plan, seconds: float) -> tuple[float, ...]:
        """Seconds of each of a few steps of `plan`, in about SHARE of `seconds`.

        Raises UserError for pictures that cannot be read.
        """
        task, state = self.task, self._copy
        state.model.train()
        batches = _endless(task.dataset.train, plan, task.window)
        augmentation = task.settings.augmentation.of(plan)
        settings = dataclasses.replace(task.settings, augmentation=augmentation)

        def step() -> int:
            batch = next(batches)
            train_step(state, batch, settings, task.device)
            state.step += 1
            task.device.synchronize()
            return len(batch.labels)

        return tuple(spent for spent, _ in _repeated(step, SHARE * seconds))

    def validation(self, seconds: float) -> float:
        """Seconds of a whole validation, from a few of its batches, in about SHARE of `seconds`."""
        task, split, model = self.task, self.task.dataset.val, self._copy.evaluated
        if len(split) == 0:
            return 0.0
        plan = Plan(len(split), task.eval_batch_size, shuffle=False)
        batches = _endless(split, plan, None)
        model.eval()

        def look() -> int:
            batch = next(batches)
            with torch.inference_mode(), task.device.autocast():
                model(task.device.input(batch.images))
            task.device.synchronize()
            return len(batch.labels)

        found = _repeated(look, SHARE * seconds)
        return sum(spent for spent, _ in found) / sum(count for _, count in found) * len(split)

    def save(self) -> tuple[float, int]:
        """Seconds and bytes of a checkpoint, written beside the run's own and removed.

        Raises OSError where none can be written.
        """
        folder = temporary(self.task.run.folder / "trial")
        folder.mkdir()
        try:
            start = time.monotonic()
            path = checkpoint.save(Run(folder), snapshot(self.task, self._copy))
            return time.monotonic() - start, path.stat().st_size
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _endless(split: Split, plan: Plan, window: Window | None) -> Iterator[Batch]:
    """The batches of a plan, over and over: it may have but one."""
    while True:
        yield from split.batches(plan, 0, window)


def _repeated(act: Callable[[], int], seconds: float) -> list[tuple[float, int]]:
    """Seconds of each act, and the pictures that it had.

    The first one warms up and is left out, but where it took more than its share of the time:
    then it has to do.
    """

    def timed() -> tuple[float, int]:
        start = time.monotonic()
        count = act()
        return time.monotonic() - start, count

    end = time.monotonic() + seconds
    first = timed()
    if first[0] > seconds:
        return [first]
    found: list[tuple[float, int]] = []
    while len(found) < MOST and (len(found) < FEWEST or time.monotonic() < end):
        found.append(timed())
    return found
