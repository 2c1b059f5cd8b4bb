"""The clock of one stretch of training: elapsed time, readings, pace under a budget, estimates."""

import time
from dataclasses import replace

from cnn_cli.engine.budget import READ_EVERY, Pace, corrected, ends_here
from cnn_cli.engine.display import Display
from cnn_cli.engine.estimate import expected
from cnn_cli.engine.recovery import check
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.task import Task

FIRST_STEPS = 3
"""Steps after the very first, which is slow, from which the whole is estimated."""


class Session:
    """From the first step of this process to its last; `state.elapsed` is kept by `lap` alone."""

    def __init__(self, task: Task, state: TrainState, display: Display) -> None:
        self.task, self.state, self.display = task, state, display
        self._mark = self._read_at = self._epoch_start = time.monotonic()
        self._epoch_first = self._checked = self._first = state.step
        self._warm: float | None = None
        """when the first step was done"""
        self._pixels = task.settings.augmentation.pixels(state.progress())
        """share of a picture's pixels that a step works on"""

    def lap(self) -> float:
        """Count the time until now; gives the seconds since the last call."""
        now = time.monotonic()
        seconds, self._mark = now - self._mark, now
        self.state.elapsed += seconds
        return seconds

    def stepped(self) -> bool:
        """Count a step; gives whether the figures should be read."""
        self.lap()
        if self._warm is None:
            self.task.device.synchronize()
            self.lap()
            self._warm = self._mark
        if self.state.pace is not None:
            self._resize(self.state.pace)
        pace = self.state.pace
        due = self._mark - self._read_at > READ_EVERY
        return due or (pace is not None and pace.is_due(self.state.elapsed))

    def _resize(self, pace: Pace) -> None:
        """Have the pace know where pictures get another size."""
        augmentation, progress = self.task.settings.augmentation, self.state.progress()
        if not augmentation.resizes:
            return
        pixels = augmentation.pixels(progress)
        ahead = augmentation.pixels_ahead(progress) / pixels
        self.state.pace = replace(pace.resized(pixels / self._pixels), ahead=ahead)
        self._pixels = pixels

    def read(self) -> bool:
        """Look at the steps since the last reading; gives whether the person should see them.

        Raises NonFiniteStepError. Waits for the device, so that the time is that of the steps; then
        the total is corrected where there is a budget.
        """
        check(self.task, self.state, self._checked)
        self._checked = self.state.step
        self.lap()
        if self.state.pace is not None:
            self._keep_time(self.state.pace)
        self._estimate()
        if self._mark - self._read_at <= READ_EVERY:
            return False
        self._read_at = self._mark
        return True

    def rate(self) -> float:
        """Pictures a second since this epoch began here."""
        steps = self.state.step - self._epoch_first
        return steps * self.task.batch_size / (self._mark - self._epoch_start)

    def seconds_left(self) -> float | None:
        """Until the end: of the budget, or as long for each step to come as for those done here.

        The first step, which is slow, does not count; None until some more are done.
        """
        state = self.state
        if state.pace is not None:
            return max(0.0, state.pace.budget - state.elapsed)
        steps = state.step - self._first - 1
        if steps < FIRST_STEPS or self._warm is None:
            return None
        to_come = (state.total - state.step) * (self._mark - self._warm) / steps
        return max(0.0, min(to_come, self.task.max_seconds - state.elapsed))

    def closed(self, *, validated: bool) -> None:
        """Count the end of an epoch."""
        seconds = self.lap()
        self._epoch_start, self._epoch_first = self._mark, self.state.step
        if self.state.pace is None:
            return
        if not validated:  # the end has to be
            self.state.pace = self.state.pace.apart_from(seconds)
            return
        self.state.pace = self.state.pace.closed(seconds)
        self._correct()

    def saved(self) -> None:
        """Count a checkpoint inside an epoch."""
        seconds = self.lap()
        if self.state.pace is not None:
            self.state.pace = self.state.pace.saved(seconds)

    def _keep_time(self, pace: Pace) -> None:
        state, calendar = self.state, self.task.calendar
        if pace.is_due(state.elapsed):
            state.pace = pace = pace.read(state.step, state.elapsed)
            self._correct()
        validates = state.step % calendar.closing == 0
        if validates and ends_here(pace, state.step, state.elapsed, calendar):
            state.total = state.step
            self.display.retarget(state.total)

    def _correct(self) -> None:
        state = self.state
        if state.pace is None:
            return
        state.pace, total = corrected(
            state.pace, state.total, state.step, state.elapsed, self.task.calendar
        )
        if total != state.total:
            state.total = total
            self.display.retarget(total)

    def _estimate(self) -> None:
        """Say once what the whole will cost, as soon as it is known."""
        steps = self.state.step - self._first - 1
        if self.display.expected is not None or steps < FIRST_STEPS or self._warm is None:
            return
        seconds = self._mark - self._warm
        if seconds < READ_EVERY:  # short ones tell little
            return
        self.display.expect(expected(self.task, self.state, seconds / steps))
