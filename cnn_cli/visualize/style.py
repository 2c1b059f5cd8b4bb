"""One look for every figure: light, quiet, safe for colour-blind eyes, sharp at any size."""

import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours (2008), which eyes without red, green or blue cones tell apart.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
INK, QUIET, FAINT = "#222222", "#666666", "#DDDDDD"

HEADER, MARGIN = 0.85, 0.2
"""Inches that the title takes at the top, and that stay empty at the edges."""

OTHER_SCRIPTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Noto Sans Devanagari",
    "Noto Emoji",
)
"""Fonts for letters that the first one lacks, where they are installed."""


@contextmanager
def style() -> Iterator[None]:
    """matplotlib's settings for our figures, inside the block only."""
    import matplotlib

    with matplotlib.rc_context(_settings()):
        yield


def new_figure(width: float, height: float, title: str, subtitle: str) -> "Figure":
    """A figure of `width` x `height` inches, title at the top left; call inside `style`.

    A long subtitle is set in smaller letters, so that it fits.

    It belongs to nobody but the caller: pyplot's global list of figures is not used.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    left = MARGIN / width
    write: dict[str, Any] = {"ha": "left", "va": "top"}
    figure.text(left, 1 - 0.16 / height, title, fontsize=15, fontweight="bold", **write)
    size = min(10.0, (width - 2 * MARGIN) / max(text_width(subtitle, 1), 1e-9))
    figure.text(left, 1 - 0.47 / height, subtitle, fontsize=size, color=QUIET, **write)
    return figure


def panel(figure: "Figure", left: float, top: float, width: float, height: float) -> "Axes":
    """Axes placed in inches from the top left corner of `figure`.

    Sizes are known beforehand, so nothing is left to a layout engine: pictures stay square, and
    nothing shifts from one machine to the next.
    """
    across, down = figure.get_size_inches()
    bounds = (left / across, 1 - (top + height) / down, width / across, height / down)
    return figure.add_axes(bounds)


def log_scale(axes: "Axes") -> None:
    """What is drawn in `axes` on a logarithmic scale, in plain numbers; mathematics is not set.

    Below a factor of ten, the values between its powers are named as well.
    """
    from matplotlib.ticker import NullFormatter

    low, high = axes.dataLim.intervaly
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}" if high < 10 * low else NullFormatter())


def many(count: int, thing: str) -> str:
    """`1 step`, `2,000 steps`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def text_width(text: str, size: float = 10) -> float:
    """About how wide `text` is at `size` points, in inches; Chinese and the like are full width."""
    ems = sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.62 for c in text)
    return ems * size / 72


def save(figure: "Figure", path: Path, dpi: int) -> None:
    """Write `figure` to `path` in the format of its suffix. Letters that no font has show a box."""
    with style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(path, dpi=dpi)


@cache
def _settings() -> Any:
    return {
        # The family by its own name, so that the look survives outside the block.
        "font.family": ["DejaVu Sans", *_installed(OTHER_SCRIPTS)],
        "font.size": 10,
        # A `$` in a class name is a dollar, not mathematics.
        "text.parse_math": False,
        "text.color": INK,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "axes.facecolor": "white",
        "axes.edgecolor": "#888888",
        "axes.labelcolor": INK,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "axes.axisbelow": True,
        "axes.formatter.useoffset": False,
        "grid.color": "#E6E6E6",
        "grid.linewidth": 0.8,
        "lines.linewidth": 2.0,
        "lines.solid_capstyle": "round",
        "legend.frameon": False,
        "xtick.color": QUIET,
        "ytick.color": QUIET,
        "image.interpolation": "nearest",
    }


def _installed(names: tuple[str, ...]) -> list[str]:
    from matplotlib.font_manager import fontManager

    present = {font.name for font in fontManager.ttflist}
    return [name for name in names if name in present]


def shortened(name: str, length: int) -> str:
    """`name` with its middle left out where it is longer than `length` characters."""
    if len(name) <= length:
        return name
    head = (length - 1) * 2 // 3
    return f"{name[:head]}…{name[head - length + 1 :]}"
