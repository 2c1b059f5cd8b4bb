"""Charts for a page: SVG whose colours are the page's, in light and in dark."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

WIDE, TALL = 460, 260
LEFT, RIGHT, TOP, BOTTOM = 68, 24, 12, 44
TICKS = 5


@dataclass(frozen=True)
class Axis:
    """What an axis shows, between which values, and how they are written."""

    label: str
    low: float
    high: float
    written: Callable[[float], str] = "{:g}".format


@dataclass(frozen=True)
class Series:
    """Points (x, y) of one thing; `colour` is a class of the style sheet. NaN leaves a gap.

    Bars stand at the middle of `width` each.
    """

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    kind: Literal["line", "dots", "bars"] = "line"
    width: float = 0.0


def around(label: str, values: Sequence[float], written: Callable[[float], str]) -> Axis:
    """An axis that holds all finite `values`, ending at round numbers."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    step = _step((high - low) or abs(high) or 1.0)
    return Axis(label, math.floor(low / step) * step, math.ceil(high / step) * step, written)


def chart(told: str, across: Axis, up: Axis, series: Sequence[Series], diagonal: str = "") -> str:
    """An SVG picture, which `told` describes to those who cannot see it.

    `diagonal` names the line from corner to corner, where there is one to compare with.
    """
    parts = [*_grid(across, up)]
    if diagonal:
        x, y, top = LEFT, TALL - BOTTOM, TOP
        parts.append(f'<line class="ideal" x1="{x}" y1="{y}" x2="{WIDE - RIGHT}" y2="{top}"/>')
    parts += [_drawn(one, across, up) for one in series]
    legend = [
        f'<span class="{one.colour}">{_mark(one)} {escape(one.name)}</span>' for one in series
    ]
    if diagonal:
        legend.append(f'<span class="quiet">┄ {escape(diagonal)}</span>')
    shown = f'<figcaption class="legend">{" ".join(legend)}</figcaption>'
    return (
        f'<figure class="chart"><svg viewBox="0 0 {WIDE} {TALL}" role="img"'
        f' aria-label="{escape(told)}">{"".join(parts)}</svg>{shown}</figure>'
    )


def _mark(series: Series) -> str:
    return {"line": "━", "dots": "●", "bars": "■"}[series.kind]


def _grid(across: Axis, up: Axis) -> list[str]:
    bottom, middle = TALL - BOTTOM, (TALL - BOTTOM + TOP) / 2
    parts = []
    for value in ticks(up.low, up.high):
        y = _y(value, up)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(_text(LEFT - 7, y + 4, up.written(value), "end"))
    parts += [
        _text(_x(value, across), bottom + 17, across.written(value), "middle")
        for value in ticks(across.low, across.high)
    ]
    parts.append(_text((LEFT + WIDE - RIGHT) / 2, TALL - 6, across.label, "middle"))
    turned = f'<g transform="translate(13 {middle}) rotate(-90)">'
    return [*parts, turned + _text(0, 0, up.label, "middle") + "</g>"]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _drawn(series: Series, across: Axis, up: Axis) -> str:
    if series.kind == "bars":
        return "".join(_bar(point, series, across, up) for point in series.points)
    places = [(_x(x, across), _y(y, up)) for x, y in series.points]
    alone = series.kind == "dots" or len(series.points) < 3
    dots = "".join(
        f'<circle class="{series.colour}" cx="{x}" cy="{y}" r="3.4"/>' for x, y in places
    )
    if series.kind == "dots":
        return dots
    pieces, start = [], True
    for x, y in places:
        if math.isfinite(y):
            pieces.append(f"{'M' if start else 'L'}{x} {y}")
        start = not math.isfinite(y)
    return f'<path class="{series.colour}" d="{"".join(pieces)}"/>{dots if alone else ""}'


def _bar(point: tuple[float, float], series: Series, across: Axis, up: Axis) -> str:
    left, right = (_x(point[0] + side * series.width / 2, across) for side in (-1, 1))
    top, bottom = _y(point[1], up), _y(up.low, up)
    wide, tall = max(1.0, right - left - 1.5), max(0.0, bottom - top)
    return (
        f'<rect class="{series.colour}" x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}"'
        f' height="{tall:.1f}"/>'
    )


def _x(value: float, axis: Axis) -> float:
    share = (value - axis.low) / ((axis.high - axis.low) or 1)
    return round(LEFT + share * (WIDE - LEFT - RIGHT), 1)


def _y(value: float, axis: Axis) -> float:
    if not math.isfinite(value):
        return math.nan
    share = (value - axis.low) / ((axis.high - axis.low) or 1)
    return round(TALL - BOTTOM - share * (TALL - TOP - BOTTOM), 1)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, about TICKS of them."""
    step = _step((high - low) or 1.0)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _step(span: float) -> float:
    rough = span / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
