"""The optimizer's learning rates under the keys they are typed with, and how far they may go."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from torch.optim import Optimizer

from cnn_cli.checking import hints
from cnn_cli.config import Node
from cnn_cli.limits import Range
from cnn_cli.optim.ranges import argument_kinds

LOWEST, HIGHEST = 1e-6, 10.0
"""Learning rates that a range test goes through, where the optimizer takes them."""


@dataclass(frozen=True)
class PeakRates:
    """Key -> peak rate and largest rate allowed; the first key is the one that pictures show."""

    peaks: Mapping[str, float]
    highest: Mapping[str, float]

    @property
    def first(self) -> tuple[str, float]:
        return next(iter(self.peaks.items()))

    @property
    def span(self) -> tuple[float, float]:
        """The factors of the peaks that a range test goes through; all rates rise together."""
        _, peak = self.first
        top = max(HIGHEST, 10 * peak) / peak
        caps = [self.highest[key] / rate for key, rate in self.peaks.items()]
        return min(LOWEST / peak, 0.1), min([top, *caps])

    def scaled(self, factor: float) -> dict[str, float]:
        """Key -> `factor` times its peak, to two digits."""
        return {key: float(f"{factor * rate:.2g}") for key, rate in self.peaks.items()}


def peak_rates(node: Node, optimizer: Optimizer) -> PeakRates:
    """What `node` sets as `lr` and `..._lr`; where it leaves them out, the optimizer's own lr."""
    given = {name: float(node[name]) for name in node if name == "lr" or name.endswith("_lr")}
    rates = given or {"lr": float(optimizer.defaults["lr"])}
    plus = "" if given else "+"  # Hydra's sign for a key that the file lacks
    kinds = {**hints(type(optimizer)), **argument_kinds(type(optimizer))}
    return PeakRates(
        {f"{plus}optimizer.{name}": rate for name, rate in rates.items()},
        {f"{plus}optimizer.{name}": _highest(kinds.get(name)) for name in rates},
    )


def _highest(kind: Any) -> float:
    return min((part.high for part in get_args(kind) if isinstance(part, Range)), default=math.inf)
