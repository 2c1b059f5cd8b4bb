"""Figures in words, the same on every page."""

from collections.abc import Mapping
from typing import Any


def share(value: float) -> str:
    """A share of pictures in percent, to two decimals; never 100 % for what is not."""
    if 0.99995 <= value < 1:
        return ">\u00a099.99\u00a0%"
    return f"{100 * value:.2f}\u00a0%"


def number(value: float) -> str:
    """A figure to four decimals; never 1 for what is not."""
    return "> 0.9999" if 0.99995 <= value < 1 else f"{value:.4f}"


def span(metrics: Mapping[str, Any], name: str) -> str:
    """The 95 % interval of a metric, in its own terms; "" where it has none."""
    if name not in metrics["intervals"]:
        return ""
    low, high = metrics["intervals"][name]
    told = share if "accuracy" in name else number
    return f"{told(low)} to {told(high)}".replace("\u00a0% to", " to")


def amount(value: float) -> str:
    """A large number in three digits: 1.23 M."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g}\u00a0{unit}"
    return f"{value:g}"


def bytes_told(value: float) -> str:
    """Bytes in three digits: 4.67 MB."""
    return f"{amount(value)}B" if value >= 1000 else f"{value:g} bytes"
