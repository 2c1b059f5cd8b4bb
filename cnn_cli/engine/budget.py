"""A training fitted into a wall-clock budget: how many steps it has, corrected as they are timed.

Pure arithmetic on seconds and steps: nothing here looks at a clock. What was decided is a `Pace`,
part of the state that is saved, so that a resumed training goes on with it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from cnn_cli.engine.fitting import is_finite

READINGS = 9
"""Last readings of which the median is taken: one that was disturbed moves nothing."""
IN_A_ROW = 3
"""Readings one after another that make no disturbance but another speed: others came, or left."""
OTHER_SPEED = 2.0
"""Times as long, or as short, as the median of all, that each of them has to be."""
RAN_AHEAD = 0.1
"""Of the schedule: where it is further on than steps and time by that, it goes back."""
READ_EVERY = 0.25
"""Seconds between readings, at most."""
OFTEN = 20
"""Readings in the time that is left, at least: so the end is met however fast the steps are."""
TOLERANCE = 0.01
"""Share of the steps left by which the total may be off before it is corrected."""
RESERVE = 0.25
"""Of the last validation and save, in addition: they are the only thing that cannot be cut."""
FEWEST_STEPS = 200
"""In all: where fewer fit, batches are made smaller."""
SMALLEST_BATCH = 32
"""Pictures, below which no batch is made for that."""
WORTHWHILE = 1.25
"""Times as many steps that half the batch has to give; else the steps' number is not the limit."""


@dataclass(frozen=True)
class Costs:
    """Seconds that training spends."""

    step: float
    closing: float
    """end of an epoch that is validated: validation, line, checkpoint"""
    saving: float = 0.0
    """a checkpoint inside an epoch"""


@dataclass(frozen=True)
class Calendar:
    """What is due when, in steps."""

    closing: int
    """steps between validations; there is one at the very end in any case"""
    saving: int | None = None
    """steps between checkpoints inside epochs"""

    def seconds(self, costs: Costs, first: int, last: int) -> float:
        """What steps first .. last - 1 take, with all that is due on the way and at the end."""
        closings = last // self.closing - first // self.closing + (last % self.closing > 0)
        savings = 0
        if self.saving is not None:
            both = math.lcm(self.saving, self.closing)
            savings = last // self.saving - first // self.saving - last // both + first // both
        return (last - first) * costs.step + closings * costs.closing + savings * costs.saving

    def last_step(self, costs: Costs, step: int, seconds: float) -> int:
        """The most steps, `step` of which are done, that end within `seconds` from now."""
        low, high = step, step + max(0, int(seconds / costs.step))
        while low < high:
            middle = (low + high + 1) // 2
            if self.seconds(costs, step, middle) <= seconds:
                low = middle
            else:
                high = middle - 1
        return low


@dataclass(frozen=True)
class Pace:
    """What a budgeted training has decided and measured; part of its state. Times in seconds."""

    budget: float
    per_step: float
    closing: float
    """seconds of a validation and save, as a multiple of those of a step: both slow down alike"""
    saving: float = 0.0
    step: int = 0
    """where the total was corrected last"""
    progress: float = 0.0
    """of the schedule at that step, in [0, 1]"""
    read_step: int = 0
    """where the last reading was"""
    read_at: float = 0.0
    """elapsed time there, counted on by what is no step"""
    recent: tuple[float, ...] = field(default=())
    """seconds a step in the last readings"""
    ahead: float = 1.0
    """mean seconds of the steps to come, as a multiple: pictures may be small at first"""

    @property
    def costs(self) -> Costs:
        return Costs(self.per_step * self.ahead, self.closing * self.per_step, self.saving)

    def left(self, elapsed: float) -> float:
        """Seconds for all that is to come, with some kept back for the last validation."""
        return self.budget - elapsed - RESERVE * self.closing * self.per_step

    def progress_at(self, done: float, total: int) -> float:
        """Share of the schedule after `done` steps (a half: in the middle of one), in [0, 1].

        Straight from the last correction to 1 at `total`: continuous, but where that goes back.
        """
        if total <= self.step:
            return 1.0
        return self.progress + (1 - self.progress) * ((done - self.step) / (total - self.step))

    def is_due(self, elapsed: float) -> bool:
        """Whether the steps should be timed now: more often as the end comes near."""
        steps_left = self.left(elapsed) - self.closing * self.per_step
        return elapsed - self.read_at >= min(READ_EVERY, max(0.0, steps_left / OFTEN))

    def read(self, step: int, elapsed: float) -> "Pace":
        """With one more reading, where steps were done since the last one."""
        steps, seconds = step - self.read_step, elapsed - self.read_at
        if steps <= 0 or seconds <= 0:
            return self
        recent = _of_one_speed((*self.recent, seconds / steps)[-READINGS:])
        return replace(
            self, per_step=median(recent), recent=recent, read_step=step, read_at=elapsed
        )

    def resized(self, factor: float) -> "Pace":
        """From here on a step takes `factor` times as long, and a validation as long as before."""
        recent = tuple(seconds * factor for seconds in self.recent)
        longer, fewer = self.per_step * factor, self.closing / factor
        return replace(self, per_step=longer, closing=fewer, recent=recent)

    def closed(self, seconds: float) -> "Pace":
        """After a validation and save that took so long."""
        return replace(self, closing=seconds / self.per_step, read_at=self.read_at + seconds)

    def saved(self, seconds: float) -> "Pace":
        """After a checkpoint inside an epoch that took so long."""
        return replace(self, saving=seconds, read_at=self.read_at + seconds)

    def apart_from(self, seconds: float) -> "Pace":
        """After something else that took so long, such as an epoch's line without validation."""
        return replace(self, read_at=self.read_at + seconds)


def corrected(
    pace: Pace, total: int, step: int, elapsed: float, calendar: Calendar
) -> tuple[Pace, int]:
    """Pace and total after `step` steps and `elapsed` seconds: the total that ends on time.

    A total that is nearly right stays. Where not one more step fits, the end is here. Where steps
    became so much faster that the schedule has run ahead, it goes back to the share of the steps,
    or of the time, whichever is more: else the rest would be trained at the rate of its end.
    """
    new = calendar.last_step(pace.costs, step, pace.left(elapsed))
    if abs(new - total) <= TOLERANCE * (total - step):
        return pace, total
    reached = pace.progress_at(step, total)
    fair = max(step / max(1, new), min(1.0, elapsed / pace.budget))
    progress = fair if new > step and reached > fair + RAN_AHEAD else reached
    return replace(pace, step=step, progress=progress), new


def _of_one_speed(readings: tuple[float, ...]) -> tuple[float, ...]:
    """Without those from before, where the last ones are all far from the median to one side."""
    last, usual = readings[-IN_A_ROW:], median(readings)
    changed = min(last) > OTHER_SPEED * usual or max(last) * OTHER_SPEED < usual
    return last if changed else readings


def ends_here(pace: Pace, step: int, elapsed: float, calendar: Calendar) -> bool:
    """Whether no step fits after the validation and save that are due after `step`.

    Known before them, so that the checkpoint knows it as well.
    """
    left = pace.left(elapsed) - pace.costs.closing
    return calendar.last_step(pace.costs, step, left) == step


def with_budget(
    pace: Pace, total: int, step: int, elapsed: float, calendar: Calendar, budget: float
) -> tuple[Pace, int]:
    """Pace and total of a training that goes on with another budget, of which it has used a part.

    The schedule goes back to that part, as it does where a resumed training gets more epochs.
    """
    if budget == pace.budget:
        return pace, total
    share = min(1.0, elapsed / budget)
    pace = replace(pace, budget=budget, step=step, progress=share)
    return pace, calendar.last_step(pace.costs, step, pace.left(elapsed))


def smaller(steps: int, batch_size: int, accumulate: int) -> int | None:
    """The size of batch to try where only `steps` steps fit; None where it is to stay.

    Half of it, and half again, until FEWEST_STEPS would fit if a step took as long as it has
    pictures; down to SMALLEST_BATCH.
    """
    size = batch_size
    while steps * batch_size < FEWEST_STEPS * size and size // 2 >= max(SMALLEST_BATCH, accumulate):
        size //= 2
    return size if size < batch_size else None


def pace_of(saved: Mapping[str, Any], step: int) -> Pace | None:
    """The pace that a checkpoint of `step` holds; None where it is no pace at all."""
    try:
        pace = Pace(**{**saved, "recent": tuple(saved["recent"])})
    except (KeyError, TypeError):
        return None
    numbers = [value for name, value in vars(pace).items() if name != "recent"]
    whole = all(type(number) is int for number in (pace.step, pace.read_step))
    if not whole or not all(map(is_finite, [*numbers, *pace.recent])):
        return None
    positive = all(value > 0 for value in (pace.budget, pace.per_step, *pace.recent))
    steps = 0 <= pace.step <= step and 0 <= pace.read_step <= step
    rest = 0 <= pace.progress <= 1 and min(pace.closing, pace.saving, pace.read_at) >= 0
    return pace if positive and steps and rest and len(pace.recent) <= READINGS else None
