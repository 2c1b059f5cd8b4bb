"""How long a batch takes, by several ways in turn, so that the machine's moods meet them alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from torch import Tensor

from cnn_cli.export.parity import Logits

ROUNDS = 5
SECONDS = 0.15
"""Of each way a round."""
FEWEST, MOST = 3, 100
"""Batches of each way a round."""
MANY = 64


@dataclass(frozen=True)
class Timing:
    """Milliseconds for one picture: the median, and what 95 % stay below; images/s in batches."""

    median_ms: float
    p95_ms: float
    images_per_second: float
    """in batches of 64, by the median"""


def measure(ways: Mapping[str, Logits], images: Tensor) -> dict[str, Timing]:
    """Each way's timing on `images` (N, C, S, S), repeated where 64 are more than there are."""
    one = images[:1].contiguous()
    many = images.repeat(-(-MANY // len(images)), 1, 1, 1)[:MANY].contiguous()
    single, batch = _in_turn(ways, one), _in_turn(ways, many)
    return {
        name: Timing(
            median_ms=1000 * float(np.median(single[name])),
            p95_ms=1000 * float(np.quantile(single[name], 0.95)),
            images_per_second=MANY / float(np.median(batch[name])),
        )
        for name in ways
    }


def as_json(timings: Mapping[str, Timing]) -> dict[str, dict[str, float]]:
    """The timings as plain numbers."""
    return {
        name: {key: float(f"{value:.4g}") for key, value in asdict(timing).items()}
        for name, timing in timings.items()
    }


def _in_turn(ways: Mapping[str, Logits], images: Tensor) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, run in ways.items():
            run(images)  # the caches are another way's
            seconds[name] += _times(run, images)
    return seconds


def _times(run: Callable[[Tensor], object], images: Tensor) -> list[float]:
    taken: list[float] = []
    while len(taken) < FEWEST or (sum(taken) < SECONDS and len(taken) < MOST):
        start = time.perf_counter()
        run(images)
        taken.append(time.perf_counter() - start)
    return taken
