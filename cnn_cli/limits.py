"""Ranges that a type annotation can carry: `rate: Annotated[float, Range(0, 1)]`.

Config sections and components both use them, so that a value is checked before any work starts.
"""

import math
import re
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Range:
    """Allowed values from `low` to `high`; an open end leaves out the end itself."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"{'above' if self.open_low else 'at least'} {self.low:g}"
        low, high = "(" if self.open_low else "[", ")" if self.open_high else "]"
        return f"in {low}{self.low:g}, {self.high:g}{high}"


Count = Annotated[int, Range(1)]
"""A whole number of things, at least one."""
Depth = Annotated[int, Range(1, 1000)]
"""Layers one after another: a config from a stranger may ask for millions."""
NonNegativeInt = Annotated[int, Range(0)]
NonNegative = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, open_low=True)]
Fraction = Annotated[float, Range(0, 1)]
"""A share or probability, both ends included."""
SomeFraction = Annotated[float, Range(0, 1, open_low=True)]
"""A share in (0, 1]: one that something can fall short of."""
Coefficient = Annotated[float, Range(-1, 1, open_low=True)]
"""A correlation in (-1, 1]: one that something can fall short of."""
ProperFraction = Annotated[float, Range(0, 1, open_high=True)]
"""A share in [0, 1): a part that never takes the whole."""


@dataclass(frozen=True)
class Form:
    """Text that matches a whole regular expression; `meaning` says to a person what it is."""

    pattern: str
    meaning: str

    def __contains__(self, value: str) -> bool:
        return re.fullmatch(self.pattern, value) is not None

    def __str__(self) -> str:
        return self.meaning


Duration = Annotated[
    str, Form(r"(?=.*[1-9])\d+(\.\d+)?[smh]", "a time above 0 in s, m or h, as 90s, 10m, 1.5h")
]
"""A length of time with its unit: seconds, minutes or hours."""


def seconds(duration: str) -> float:
    """A `Duration`, `90s`, `10m` or `1.5h`, in seconds."""
    return float(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


RunName = Annotated[
    str,
    Form(
        r"(?!(latest|sweeps|checks|\.\.?)$)[^/\\\0]+",
        "a name (no path, which run.dir takes; not latest, sweeps or checks)",
    ),
]
"""A folder's name under run.root; `latest`, `sweeps` and `checks` have a meaning there."""
