"""Figures as dots with their intervals, drawn as SVG that takes its colours from the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

WIDTH, ROW, LEFT, RIGHT, FOOT = 720, 30, 60, 24, 46
TICKS = 6
"""At most, between the ends of the axis."""


@dataclass(frozen=True)
class Dot:
    """A value with its interval, in the units of the axis; `kind` is a class of the style."""

    label: str
    value: float
    low: float
    high: float
    kind: str = ""


def dots(title: str, unit: str, rows: Sequence[Dot], zero: bool = False) -> str:
    """An SVG of one row a dot; with `zero` a line at 0, which the axis then holds."""
    edges = [edge for row in rows for edge in (row.low, row.high)] + ([0.0] if zero else [])
    marks = ticks(min(edges), max(edges))
    low, high = min(marks[0], *edges), max(marks[-1], *edges)

    def place(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    height = len(rows) * ROW + FOOT
    bottom = len(rows) * ROW + 6
    told = "; ".join(f"{r.label} {r.value:.2f}, {r.low:.2f} to {r.high:.2f}" for r in rows)
    label = escape(f"{title}: {told}")
    size = f"0 0 {WIDTH} {height}"
    parts = [f'<svg class="dots" viewBox="{size}" role="img" aria-label="{label}">']
    digits = max(0, -floor(log10(marks[1] - marks[0]) + 1e-9))
    for mark in marks:
        x = place(mark)
        kind = "zero" if zero and abs(mark) < 1e-9 else "grid"
        parts.append(f'<line class="{kind}" x1="{x}" x2="{x}" y1="4" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 16}">{mark + 0.0:.{digits}f}</text>')
    for number, row in enumerate(rows):
        y = number * ROW + ROW / 2 + 4
        parts.append(f'<g class="{row.kind or "plain"}">')
        parts.append(f'<text class="name" x="{LEFT - 14}" y="{y + 5}">{escape(row.label)}</text>')
        parts.append(
            f'<line class="span" x1="{place(row.low)}" x2="{place(row.high)}" y1="{y}" y2="{y}"/>'
        )
        parts.append(f'<circle cx="{place(row.value)}" cy="{y}" r="5.5"/></g>')
    middle = (WIDTH + LEFT - RIGHT) / 2
    parts.append(f'<text class="tick" x="{middle}" y="{height - 6}">{escape(unit)}</text></svg>')
    return "".join(parts)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from below `low` to above `high`, two at least, evenly spaced."""
    span = high - low or abs(high) / 10 or 1.0
    rough = span / TICKS
    size = 10 ** floor(log10(rough))
    step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough)
    start, end = floor(low / step + 1e-9), -floor(-high / step + 1e-9)
    return [number * step for number in range(start, max(end, start + 1) + 1)]
