"""Learning-rate schedules: pure functions of progress, so that a resume needs no saved state.

Each is called with progress = step / total in [0, 1] and returns the factor of the peak rate.
"""

from dataclasses import dataclass
from math import cos, pi
from typing import Protocol

from cnn_cli.limits import Fraction, ProperFraction


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


def _line(start: float, end: float, part: float) -> float:
    return start + (end - start) * part


def _cosine(start: float, end: float, part: float) -> float:
    return _line(start, end, (1 - cos(pi * part)) / 2)
