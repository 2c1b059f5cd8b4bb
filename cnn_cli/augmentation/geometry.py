"""Ops that move pixels: batched, with parameters of its own for every picture."""

from dataclasses import dataclass
from math import log
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_cli.data.contract import Fill
from cnn_cli.data.windows import cut, pad
from cnn_cli.limits import Fraction, NonNegativeInt, Positive, Range

ProperShare = Annotated[float, Range(0, 1, open_low=True)]


@dataclass(frozen=True)
class PaddedCrop:
    """Pads each side by `padding` pixels and cuts a window of the old size at a random place.

    params (N, 2) int64: top and left corner, each in [0, 2 * padding].
    """

    pixels_only: ClassVar[bool] = True
    mixes: ClassVar[bool] = False
    gathers: ClassVar[bool] = True

    padding: NonNegativeInt
    fill: Fill

    @property
    def active(self) -> bool:
        return self.padding > 0

    def check(self, size: int) -> None:
        """Raise ValueError where a picture of this side is too small to be reflected so far."""
        if self.fill == "reflect" and self.padding >= size:
            raise ValueError(
                f"padding: {self.padding} pixels cannot be reflected from a picture of {size}; "
                f"use at most {size - 1}, or fill=zero or edge"
            )

    def draw(self, generator: torch.Generator, n: int, size: int) -> Tensor:
        self.check(size)
        return torch.randint(2 * self.padding + 1, (n, 2), generator=generator)

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        rows = images.permute(0, 2, 3, 1)
        padded = pad(rows, self.padding, self.fill)
        which = torch.arange(len(images), device=images.device)
        _, height, width, _ = rows.shape
        return cut(padded, (height, width), which, params).permute(0, 3, 1, 2), targets


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirrors each picture left to right with `probability`. params (N, 1) bool: mirror it."""

    pixels_only: ClassVar[bool] = True
    mixes: ClassVar[bool] = False

    enabled: bool
    probability: Fraction

    @property
    def active(self) -> bool:
        return self.enabled and self.probability > 0

    def draw(self, generator: torch.Generator, n: int, _size: int) -> Tensor:
        return torch.rand(n, 1, generator=generator) < self.probability

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        return _mirrored(images, params), targets


@dataclass(frozen=True)
class AlternatingFlip:
    """Mirrors each picture left to right in every other epoch; chance decides in which ones.

    Two epochs then show both sides of each picture, which chance alone does for half of them
    (Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds", section 3.5). params (N, 1) bool: mirror it.
    """

    pixels_only: ClassVar[bool] = True
    mixes: ClassVar[bool] = False
    alternates: ClassVar[bool] = True

    enabled: bool

    @property
    def active(self) -> bool:
        return self.enabled

    def draw(self, generator: torch.Generator, n: int, _size: int) -> Tensor:
        return torch.rand(n, 1, generator=generator) < 0.5

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        return _mirrored(images, params), targets


def _mirrored(images: Tensor, which: Tensor) -> Tensor:
    """Images (N, C, H, W), those left to right that `which` (N, 1) bool says."""
    if images.dtype != torch.uint8:
        return torch.where(which.view(-1, 1, 1, 1), images.flip(3), images)
    # A choice for each byte takes twice as long as to copy whole pictures from both.
    rows = images.permute(0, 2, 3, 1)
    both = torch.cat([rows, rows.flip(2)])
    places = torch.arange(len(images), device=images.device) + len(images) * which.view(-1)
    return both.index_select(0, places).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Rotation:
    """Turns each picture about its centre, by bilinear interpolation.

    params (N, 1) float: the angle in degrees, in [-degrees, degrees], counter-clockwise.
    """

    pixels_only: ClassVar[bool] = False
    mixes: ClassVar[bool] = False

    degrees: Annotated[float, Range(0, 180)]
    fill: Fill

    @property
    def active(self) -> bool:
        return self.degrees > 0

    def draw(self, generator: torch.Generator, n: int, _size: int) -> Tensor:
        return (2 * torch.rand(n, 1, generator=generator) - 1) * self.degrees

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        angle = params.to(images.dtype).squeeze(1).deg2rad()
        return warped(images, turn(angle), images.new_zeros(len(images), 2), self.fill), targets


@dataclass(frozen=True)
class Affine:
    """Turns, shears, scales and shifts each picture about its centre, in one bilinear sampling.

    params (N, 5) float: angle and shear in degrees, scale, and the shift right and down as shares
    of the side. The shear slants columns; the picture is sheared, scaled, turned, then shifted.
    """

    pixels_only: ClassVar[bool] = False
    mixes: ClassVar[bool] = False

    degrees: Annotated[float, Range(0, 180)]
    shear: Annotated[float, Range(0, 60)]
    scale: tuple[Positive, Positive]
    translate: Fraction
    fill: Fill

    def __post_init__(self) -> None:
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale: {list(self.scale)} must rise: [smallest, largest]")

    @property
    def active(self) -> bool:
        moves = self.degrees or self.shear or self.translate
        return bool(moves) or self.scale != (1, 1)

    def draw(self, generator: torch.Generator, n: int, _size: int) -> Tensor:
        signed = 2 * torch.rand(n, 4, generator=generator) - 1
        limits = torch.tensor([self.degrees, self.shear, self.translate, self.translate])
        angle, shear, right, down = (signed * limits).unbind(1)
        low, high = self.scale
        scale = low + (high - low) * torch.rand(n, generator=generator)
        return torch.stack([angle, shear, scale, right, down], dim=1)

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        angle, shear, scale, right, down = params.to(images.dtype).unbind(1)
        slant = shear.deg2rad().tan()
        one, zero = torch.ones_like(slant), torch.zeros_like(slant)
        unslanted = torch.stack([one, -slant, zero, one], dim=1).view(-1, 2, 2)
        back = unslanted @ turn(angle.deg2rad()) / scale.view(-1, 1, 1)
        sides = torch.tensor([images.shape[-1], images.shape[-2]], device=images.device)
        shift = torch.stack([right, down], dim=1) * sides
        return warped(images, back, -(back @ shift[:, :, None]).squeeze(2), self.fill), targets


@dataclass(frozen=True)
class ResizedCrop:
    """Enlarges a part of random area and aspect to the whole picture (Szegedy et al. 2015).

    params (N, 4) float, in pixels: centre right of and below the picture's, width and height.
    Bilinear; `scale` is the part's share of the area, `ratio` its width over its height.
    """

    pixels_only: ClassVar[bool] = False
    mixes: ClassVar[bool] = False

    scale: tuple[ProperShare, ProperShare]
    ratio: tuple[Positive, Positive]

    def __post_init__(self) -> None:
        for name in ("scale", "ratio"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: {[low, high]} must rise: [smallest, largest]")

    @property
    def active(self) -> bool:
        return (*self.scale, *self.ratio) != (1, 1, 1, 1)

    def draw(self, generator: torch.Generator, n: int, size: int) -> Tensor:
        area, aspect, across, down = torch.rand(4, n, generator=generator)
        low, high = self.scale
        side = size * (low + (high - low) * area).sqrt()
        first, last = (log(value) / 2 for value in self.ratio)
        stretch = (first + (last - first) * aspect).exp()
        width, height = (side * stretch).clamp(max=size), (side / stretch).clamp(max=size)
        right, below = (across - 0.5) * (size - width), (down - 0.5) * (size - height)
        return torch.stack([right, below, width, height], dim=1)

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        given = params.to(images.dtype)
        shrink = torch.diag_embed(given[:, 2:] / images.shape[-1])
        return warped(images, shrink, given[:, :2], "edge"), targets


def turn(angle: Tensor) -> Tensor:
    """(N, 2, 2) that turn (x right, y down) clockwise by `angle` (N) in radians."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)


def warped(images: Tensor, matrix: Tensor, offset: Tensor, fill: Fill) -> Tensor:
    """Each place p of the result shows `images` (N, C, H, W) float at matrix @ p + offset.

    `matrix` (N, 2, 2) and `offset` (N, 2) in pixels, x right and y down from the picture's centre.
    Bilinear, without antialiasing. Keeps the memory format.
    """
    half = torch.tensor([images.shape[-1], images.shape[-2]], device=images.device) / 2
    # The grid's coordinates run from -1 to 1 whatever the sides are.
    theta = torch.cat([matrix * half / half[:, None], (offset / half).unsqueeze(2)], dim=2)
    grid = F.affine_grid(theta.to(images.dtype), list(images.shape), align_corners=False)
    mode = {"reflect": "reflection", "zero": "zeros", "edge": "border"}[fill]
    moved = F.grid_sample(images, grid, padding_mode=mode, align_corners=False)
    return moved.contiguous(memory_format=memory_format(images))


def memory_format(images: Tensor) -> torch.memory_format:
    """The format that `images` (N, C, H, W) have, for ops whose kernels would change it."""
    last = images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format
