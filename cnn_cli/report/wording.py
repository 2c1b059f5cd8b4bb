"""Figures in words, the same on every page."""

from collections.abc import Mapping
from typing import Any

OTHERS = {
    "macro_f1": "macro F1",
    "kappa": "Cohen's kappa",
    "mcc": "MCC",
    "roc_auc": "ROC AUC",
    "loss": "loss",
    "brier": "Brier score",
}
"""Figures that are no shares of the pictures, as they are told."""


def share(value: float) -> str:
    """A share of pictures in percent, to two decimals; never 100 % for what is not."""
    if 0.99995 <= value < 1:
        return ">\u00a099.99\u00a0%"
    return f"{100 * value:.2f}\u00a0%"


UNBOUNDED = ("loss", "brier")
"""Figures of which 1 is nothing special."""


def number(value: float, name: str = "") -> str:
    """A figure to four decimals; never 1 for what is not, where 1 is the best."""
    best = 0.99995 <= value < 1 and name not in UNBOUNDED
    return "> 0.9999" if best else f"{value:.4f}"


def span(metrics: Mapping[str, Any], name: str) -> str:
    """The 95 % interval of a metric, in its own terms; "" where it has none."""
    if name not in metrics["intervals"]:
        return ""
    low, high = metrics["intervals"][name]
    told = share if "accuracy" in name else "{:.4f}".format
    return f"{told(low)} to {told(high)}".replace("\u00a0% to", " to")


def made_with(provenance: Mapping[str, Any]) -> str:
    """What was done to the predictions: `tta=flip`, `calibrated, temperature 0.565`; else ""."""
    parts = []
    if provenance.get("tta", "none") != "none":
        parts.append(f"tta={provenance['tta']}")
    if "temperature" in provenance:
        parts.append(f"calibrated, temperature {provenance['temperature']:.3f}")
    return ", ".join(parts)


def amount(value: float) -> str:
    """A large number in three digits: 1.23 M."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g}\u00a0{unit}"
    return f"{value:g}"


def bytes_told(value: float) -> str:
    """Bytes in three digits: 4.67 MB."""
    return f"{amount(value)}B" if value >= 1000 else f"{value:g} bytes"
