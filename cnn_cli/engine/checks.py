"""Looks at a set-up before it trains: one batch learned by heart, and a range of learning rates."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.data.contract import Batch
from cnn_cli.device import Device
from cnn_cli.engine.state import CORRECT, COUNT, LOSS, TrainState
from cnn_cli.engine.step import StepSettings, train_step
from cnn_cli.optim.schedules import Constant

LEARNED = 0.01
"""Loss below which a batch counts as learned by heart, in nats."""
MOST_STEPS = 300
"""Steps on one batch at most."""
DIVERGED = 4.0
"""The range test ends where the smoothed loss is this many times its smallest."""
LEARNS = 0.9
"""Of the first loss: what the smallest has to stay below, for a rate to be suggested."""
BELOW_MINIMUM = 3.0
"""The suggested rate is that of the smallest smoothed loss, divided by this."""

Advance = Callable[[int], None]
Step = tuple[float, float]
"""Mean loss and share of right answers of one step, both before its update."""


@dataclass(frozen=True)
class Overfit:
    """What training on one batch came to, step by step."""

    losses: tuple[float, ...]
    accuracies: tuple[float, ...]

    @property
    def passed(self) -> bool:
        """The last loss is below LEARNED with every picture right."""
        return self.losses[-1] < LEARNED and self.accuracies[-1] == 1

    @property
    def finite(self) -> bool:
        return math.isfinite(self.losses[-1])


def overfit(
    state: TrainState, batch: Batch, settings: StepSettings, device: Device, advance: Advance
) -> Overfit:
    """Train on `batch` alone, at the peak rates, until it is learned or MOST_STEPS have gone by.

    What keeps a network from learning by heart is taken away: augmentation, label smoothing,
    dropout and weight decay. Whatever can learn anything can then learn one batch, so one that does
    not has a fault (Karpathy 2019, "A Recipe for Training Neural Networks"). A loss that is not
    finite ends it. Changes `state`.
    """
    _unregularise(state)
    plain = replace(
        settings,
        augmentation=Augmentation({}, settings.seed),
        cropped=False,
        schedule=Constant(warmup=0.0, start_factor=1.0),
        loss=replace(settings.loss, smoothing=0.0),
    )
    batches = (batch._replace(step=number) for number in range(MOST_STEPS))
    found = list[Step]()
    for step in _steps(state, batches, plain, device):
        found.append(step)
        advance(1)
        result = Overfit(*map(tuple, zip(*found, strict=True)))
        if result.passed or not result.finite:
            break
    return result


def _unregularise(state: TrainState) -> None:
    """Dropout, stochastic depth and weight decay to 0."""
    for module in state.model.modules():
        kind = type(module).__name__
        own = ("p",) if "Dropout" in kind or kind == "StochasticDepth" else ()
        for name in (*own, "drop_path", "drop_prob"):  # as this package and timm call it
            if isinstance(vars(module).get(name), float):
                setattr(module, name, 0.0)
    for group in state.optimizer.param_groups:
        if group.get("weight_decay"):
            group["weight_decay"] = 0.0


def _steps(
    state: TrainState, batches: Iterator[Batch], settings: StepSettings, device: Device
) -> Iterator[Step]:
    state.model.train()
    for batch in batches:
        train_step(state, batch, settings, device)
        row = state.rows[batch.step % len(state.rows)].tolist()
        state.step += 1
        yield row[LOSS] / row[COUNT], row[CORRECT] / row[COUNT]


@dataclass(frozen=True)
class Exponential:
    """From `low` at step 0 to `high` at step `steps` - 1, every step by the same factor."""

    low: float
    high: float
    steps: int
    total: int
    """steps that progress 1 stands for"""

    def __call__(self, progress: float) -> float:
        step = progress * self.total - 0.5  # a schedule is asked for the middle of a step
        return self.low * math.pow(self.high / self.low, step / (self.steps - 1))


@dataclass(frozen=True)
class RangeTest:
    """The loss of each step while the learning rate rose."""

    factors: tuple[float, ...]
    """of the peak rates"""
    losses: tuple[float, ...]
    width: int
    """steps that the smoothed loss is a mean over"""
    ended: Literal["diverged", "not finite", "end of the range"]

    @property
    def smoothed(self) -> tuple[float, ...]:
        """The loss of each finite step as a mean over it and its neighbours on both sides."""
        return _smoothed([loss for loss in self.losses if math.isfinite(loss)], self.width)

    @property
    def lowest(self) -> int | None:
        """The step of the smallest smoothed loss; None where none is well below the first."""
        means = self.smoothed
        if not means or min(means) > LEARNS * means[0]:
            return None
        return means.index(min(means))

    @property
    def steepest(self) -> int | None:
        """The step where the smoothed loss falls fastest on its way to the smallest."""
        if self.lowest is None:
            return None
        twice = _smoothed(self.smoothed, self.width)  # else one step's noise decides
        falls = [after - before for before, after in pairwise(twice[: self.lowest + 1])]
        return falls.index(min(falls))

    @property
    def suggestion(self) -> float | None:
        """The factor of the peak rates that is advised."""
        return None if self.lowest is None else self.factors[self.lowest] / BELOW_MINIMUM


def range_test(
    state: TrainState,
    batches: Iterator[Batch],
    settings: StepSettings,
    device: Device,
    span: tuple[float, float],
    steps: int,
    advance: Advance,
) -> RangeTest:
    """Train for `steps` steps while the rate rises from one factor of its peak to another.

    All else is as in training (Smith 2017, "Cyclical Learning Rates", section 3.3; the exponential
    rise after Gugger's "learning rate finder"). It ends early where the smoothed loss is DIVERGED
    times its smallest, or a loss is not finite. Changes `state`, whose total stays that of the
    training, so that augmentation is as at its start.
    """
    state.total = max(state.total, steps)
    rise = Exponential(*span, steps, state.total)
    width = _width(steps)
    factors, losses, smallest = list[float](), list[float](), math.inf
    ended: Literal["diverged", "not finite", "end of the range"] = "end of the range"
    for loss, _ in _steps(state, batches, replace(settings, schedule=rise), device):
        factors.append(rise((len(losses) + 0.5) / state.total))
        losses.append(loss)
        advance(1)
        mean = math.fsum(losses[-width:]) / len(losses[-width:])
        if not math.isfinite(loss):
            ended = "not finite"
        elif len(losses) >= width and mean > DIVERGED * smallest:
            ended = "diverged"
        if ended != "end of the range" or len(losses) == steps:
            break
        smallest = min(smallest, mean) if len(losses) >= width else smallest
    return RangeTest(tuple(factors), tuple(losses), width, ended)


def _width(steps: int) -> int:
    """An odd number of about a twentieth of the steps."""
    return 2 * round(steps / 40) + 1


def _smoothed(losses: Sequence[float], width: int) -> tuple[float, ...]:
    half = width // 2
    parts = [losses[max(0, i - half) : i + half + 1] for i in range(len(losses))]
    return tuple(math.fsum(part) / len(part) for part in parts)
