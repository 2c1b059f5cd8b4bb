"""Generated pictures of plain shapes: learnable in seconds, at any size, in grey or colour."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from cnn_cli.data.assemble import Pictures, resident_dataset
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.selection import Selection
from cnn_cli.data.split import share
from cnn_cli.errors import UserError
from cnn_cli.limits import Count, Fraction, NonNegativeInt, ProperFraction
from cnn_cli.rng import generator

CHUNK = 64
"""Pictures drawn at a time; one seed each, so that picture i does not depend on the count."""


class Grid(NamedTuple):
    """Pixel centres (n, H, W) in the shape's own frame: about its centre, turned, radius 1."""

    x: Tensor
    y: Tensor

    @property
    def distance(self) -> Tensor:
        return torch.hypot(self.x, self.y)


def shapes(
    preprocessing: Preprocessing,
    *,
    count: Count,
    generator_seed: NonNegativeInt,
    noise: Fraction,
    val_fraction: ProperFraction,
    test_fraction: ProperFraction,
    selection: Selection,
) -> Dataset:
    """`count` pictures, evenly over eight classes, drawn at the size and channels asked for.

    `test_fraction` of all is for the test, `val_fraction` of the rest for validation. `noise` is
    the standard deviation of the pixel noise, as a share of the range from black to white.
    Raises UserError for a count too small to be split.
    """
    if count < 3 * len(CLASSES):
        raise UserError(
            f"dataset.count: {count} pictures are too few to train, validate and test "
            f"{len(CLASSES)} classes; at least {3 * len(CLASSES)}"
        )
    raw = draw(count, preprocessing.channels, preprocessing.size, noise, generator_seed)
    learning, test = raw.cut(share(count, test_fraction), "shapes/test", keep=2)
    train, val = learning.cut(share(len(learning.labels), val_fraction), "shapes/val")
    parts = {"train": train, "val": val, "test": test}
    return resident_dataset("shapes", CLASSES, parts, preprocessing, selection)


def draw(count: int, channels: int, size: int, noise: float, seed: int) -> Pictures:
    """`count` pictures of (channels, size, size); picture i shows class i mod 8."""
    chunks = [_chunk(part, channels, size, noise, seed) for part in range(-(-count // CHUNK))]
    labels = torch.arange(count) % len(CLASSES)
    return Pictures(torch.cat(chunks)[:count], labels, [f"shapes/{i:05d}" for i in range(count)])


def _chunk(part: int, channels: int, size: int, noise: float, seed: int) -> Tensor:
    """CHUNK pictures (uint8): shape over background, each of its own colour, then noise."""
    source = generator(seed, "shapes", part)
    grid, pixel = _place(size, source)
    classes = torch.arange(part * CHUNK, (part + 1) * CHUNK) % len(CLASSES)
    cover = torch.empty(CHUNK, 1, size, size)
    for label, outside in enumerate(_SHAPES.values()):
        own = classes == label
        edge = outside(Grid(grid.x[own], grid.y[own])) / pixel[own]
        cover[own, 0] = (0.5 - edge).clamp(0, 1)  # a pixel half inside is half covered
    back = torch.rand(CHUNK, channels, 1, 1, generator=source)
    # Moved by 0.3 .. 0.7 of the range, and round its end: never nearer than 0.3 in any channel.
    shift = 0.3 + 0.4 * torch.rand(CHUNK, channels, 1, 1, generator=source)
    image = torch.lerp(back, (back + shift) % 1, cover)
    image += noise * torch.randn(image.shape, generator=source)
    return (image.clamp(0, 1) * 255).round().to(torch.uint8)


def _place(size: int, source: torch.Generator) -> tuple[Grid, Tensor]:
    """Random centre, radius and turn for CHUNK shapes; with a pixel's side (n, 1, 1) in radii."""
    across, down, radius, turn = torch.rand(4, CHUNK, 1, 1, generator=source)
    radius = size * (0.25 + 0.17 * radius)
    turn = (turn - 0.5) * (math.pi / 6)  # up to 15 degrees: a square stays a square
    reach = size - 2 * radius  # the whole circle about the shape lies in the picture
    middle = torch.arange(size) + 0.5
    x = (middle - radius - reach * across) / radius
    y = (middle[:, None] - radius - reach * down) / radius
    grid = Grid(turn.cos() * x + turn.sin() * y, turn.cos() * y - turn.sin() * x)
    return grid, 1 / radius


# Each gives the signed distance (negative inside) to a shape's edge, in radii.


def _box(x: Tensor, y: Tensor, width: float, height: float) -> Tensor:
    return torch.maximum(x.abs() - width, y.abs() - height)


def _circle(grid: Grid) -> Tensor:
    return grid.distance - 0.9


def _ring(grid: Grid) -> Tensor:
    return (grid.distance - 0.75).abs() - 0.2


def _square(grid: Grid) -> Tensor:
    return _box(grid.x, grid.y, 0.7, 0.7)


def _triangle(grid: Grid) -> Tensor:
    sides = math.sqrt(0.75) * grid.x.abs() - 0.5 * grid.y
    return torch.maximum(sides, grid.y) - 0.46


def _cross(grid: Grid) -> Tensor:
    upright = _box(grid.x, grid.y, 0.25, 0.95)
    return torch.minimum(upright, _box(grid.y, grid.x, 0.25, 0.95))


def _stripes(grid: Grid) -> Tensor:
    """Three level bars in a square."""
    bars = ((grid.y + 0.28) % 0.56 - 0.28).abs() - 0.14
    return torch.maximum(bars, _box(grid.x, grid.y, 0.7, 0.7))


def _checks(grid: Grid) -> Tensor:
    """Two of the four quarters of a square."""
    quarters = -(grid.x * grid.y).sign() * torch.minimum(grid.x.abs(), grid.y.abs())
    return torch.maximum(quarters, _box(grid.x, grid.y, 0.7, 0.7))


def _diamond(grid: Grid) -> Tensor:
    return (grid.x.abs() / 0.6 + grid.y.abs() / 0.95 - 1) * 0.5


_SHAPES: dict[str, Callable[[Grid], Tensor]] = {
    "checks": _checks,
    "circle": _circle,
    "cross": _cross,
    "diamond": _diamond,
    "ring": _ring,
    "square": _square,
    "stripes": _stripes,
    "triangle": _triangle,
}
CLASSES = tuple(_SHAPES)
