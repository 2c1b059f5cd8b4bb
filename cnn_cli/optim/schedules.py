"""Learning-rate schedules: functions of progress, so that a resume needs no saved state.

Each is called with progress = step / total in [0, 1] and returns the factor of the peak rate. One,
`Plateau`, listens to the validations as well; what it has heard is a plain `Watch`.
"""

from dataclasses import dataclass, replace
from math import cos, pi
from typing import Protocol

from cnn_cli.limits import Count, Fraction, NonNegative, ProperFraction


class Schedule(Protocol):
    def __call__(self, progress: float) -> float: ...


@dataclass(frozen=True)
class OneCycle:
    """Cosine from `start_factor` up to 1 during `warmup`, cosine down to `end_factor` after.

    Smith & Topin 2019, "Super-Convergence", with cosines for its straight lines.
    """

    warmup: ProperFraction
    start_factor: Fraction
    end_factor: Fraction

    def __call__(self, progress: float) -> float:
        if progress < self.warmup:
            return _cosine(self.start_factor, 1.0, progress / self.warmup)
        return _cosine(1.0, self.end_factor, (progress - self.warmup) / (1 - self.warmup))


@dataclass(frozen=True)
class Cosine:
    """Straight from `start_factor` up to 1 during `warmup`, cosine down to `end_factor` after.

    Loshchilov & Hutter 2017, "SGDR", without restarts; warm-up after Goyal et al. 2017.
    """

    warmup: ProperFraction
    start_factor: Fraction
    end_factor: Fraction

    def __call__(self, progress: float) -> float:
        if progress < self.warmup:
            return _line(self.start_factor, 1.0, progress / self.warmup)
        return _cosine(1.0, self.end_factor, (progress - self.warmup) / (1 - self.warmup))


@dataclass(frozen=True)
class Constant:
    """Straight from `start_factor` up to 1 during `warmup`, 1 after."""

    warmup: ProperFraction
    start_factor: Fraction

    def __call__(self, progress: float) -> float:
        if progress < self.warmup:
            return _line(self.start_factor, 1.0, progress / self.warmup)
        return 1.0


@dataclass(frozen=True)
class Triangular:
    """Straight from `start_factor` up to 1 during `warmup`, straight down to `end_factor` after.

    One triangle of Smith 2017, "Cyclical Learning Rates"; with `warmup` 0 a linear decay.
    """

    warmup: ProperFraction
    start_factor: Fraction
    end_factor: Fraction

    def __call__(self, progress: float) -> float:
        if progress < self.warmup:
            return _line(self.start_factor, 1.0, progress / self.warmup)
        return _line(1.0, self.end_factor, (progress - self.warmup) / (1 - self.warmup))


@dataclass(frozen=True)
class Step:
    """Straight from `start_factor` up to 1 during `warmup`; times `gamma` at each milestone.

    `milestones` are shares of the training in [0, 1], as He et al. 2016 divide by ten after a half
    and three quarters of it.
    """

    warmup: ProperFraction
    start_factor: Fraction
    milestones: tuple[Fraction, ...]
    gamma: Fraction

    def __call__(self, progress: float) -> float:
        passed = sum(progress >= milestone for milestone in self.milestones)
        if progress < self.warmup:
            return _line(self.start_factor, 1.0, progress / self.warmup) * self.gamma**passed
        return self.gamma**passed


@dataclass(frozen=True)
class Watch:
    """What the validations have said so far."""

    factor: float = 1.0
    """of the rate, beside the schedule's own"""
    best: float | None = None
    stale: int = 0
    """validations since then, or since the last cut"""


@dataclass(frozen=True)
class Plateau:
    """Straight from `start_factor` up to 1 during `warmup`; times `gamma` when validation stalls.

    That is when more than `patience` validations in a row were not better than the best one by
    the share `threshold` of it; never below `min_factor`. As torch's ReduceLROnPlateau.
    """

    warmup: ProperFraction
    start_factor: Fraction
    gamma: ProperFraction
    patience: Count
    threshold: NonNegative
    min_factor: Fraction

    def __call__(self, progress: float) -> float:
        if progress < self.warmup:
            return _line(self.start_factor, 1.0, progress / self.warmup)
        return 1.0

    def after(self, watch: Watch, figure: float, *, higher_is_better: bool) -> Watch:
        """What is known after a validation that gave `figure`."""
        sign = 1 if higher_is_better else -1
        if watch.best is None or sign * figure > sign * watch.best + self.threshold * watch.best:
            return replace(watch, best=figure, stale=0)
        if watch.stale < self.patience:
            return replace(watch, stale=watch.stale + 1)
        return replace(watch, factor=max(watch.factor * self.gamma, self.min_factor), stale=0)


def _line(start: float, end: float, part: float) -> float:
    return start + (end - start) * part


def _cosine(start: float, end: float, part: float) -> float:
    return _line(start, end, (1 - cos(pi * part)) / 2)
