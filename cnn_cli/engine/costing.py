"""What a training costs, in words: time, memory and disk."""

from dataclasses import dataclass

MINUTE, HOUR = 60, 3600
SHORT = 10
"""Seconds up to which a tenth of one is told."""


@dataclass(frozen=True)
class Costing:
    """Seconds of training, the last validation and save included; bytes of memory and disk."""

    seconds: float
    epoch: float | None
    """seconds of one, its validation included"""
    memory: int | None
    """largest of the process so far, on a GPU of what torch has there; None where nobody tells"""
    disk: int
    """checkpoints that are kept"""

    def told(self, before: "Costing | None" = None) -> str:
        """In a line; with what was expected `before`."""
        if before is None:
            each = f" ({span(self.epoch)} an epoch)" if self.epoch else ""
            parts = [span(self.seconds) + each]
            parts += [f"memory {size(self.memory)}"] if self.memory else []
            return ", ".join([*parts, f"checkpoints {size(self.disk)}"])
        parts = [f"{span(self.seconds)} (expected {span(before.seconds)})"]
        if self.memory and before.memory:
            parts += [f"memory {size(self.memory)} (expected {size(before.memory)})"]
        parts += [f"checkpoints {size(self.disk)} (expected up to {size(before.disk)})"]
        return ", ".join(parts)


def span(seconds: float) -> str:
    """`8.2 s`, `45 s`, `3 min 20 s` or `2 h 5 min`."""
    if seconds < SHORT:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min" + (f" {whole % MINUTE} s" if whole % MINUTE else "")
    minutes = round(seconds / MINUTE)
    return f"{minutes // MINUTE} h" + (f" {minutes % MINUTE} min" if minutes % MINUTE else "")


def size(count: int) -> str:
    """Bytes as `3.2 MB` or `1.4 GB`."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
