"""Ops that move pixels: batched, with parameters of its own for every picture."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_cli.data.contract import Fill
from cnn_cli.limits import Fraction, NonNegativeInt, Range


@dataclass(frozen=True)
class PaddedCrop:
    """Pads each side by `padding` pixels and cuts a window of the old size at a random place.

    params (N, 2) int64: top and left corner, each in [0, 2 * padding].
    """

    pixels_only: ClassVar[bool] = True

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
        return cut(padded, params, self.padding).permute(0, 3, 1, 2), targets


def pad(images: Tensor, padding: int, fill: Fill) -> Tensor:
    """(N, H, W, C) of any dtype with `padding` more pixels on each side, contiguous."""
    padded = F.pad(images, (0, 0, padding, padding, padding, padding)).contiguous()
    if fill == "zero":
        return padded
    # Rows first and columns after them, over the full height: that fills the corners as well.
    for dim, size in ((1, images.shape[1]), (2, images.shape[2])):
        before, after = padded.narrow(dim, 0, padding), padded.narrow(dim, padding + size, padding)
        if fill == "edge":
            before.copy_(padded.narrow(dim, padding, 1).expand_as(before))
            after.copy_(padded.narrow(dim, padding + size - 1, 1).expand_as(after))
        else:
            before.copy_(padded.narrow(dim, padding + 1, padding).flip(dim))
            after.copy_(padded.narrow(dim, size - 1, padding).flip(dim))
    return padded


def cut(padded: Tensor, corners: Tensor, padding: int) -> Tensor:
    """The window of each padded picture (N, H + 2p, W + 2p, C) at its corner (N, 2): (N, H, W, C).

    All windows of a picture are one strided view, so that one index copies whole rows of pixels.
    """
    n, tall, wide, channels = padded.shape
    height, width = tall - 2 * padding, wide - 2 * padding
    row = wide * channels
    windows = padded.as_strided(
        (n, 2 * padding + 1, 2 * padding + 1, height, width * channels),
        (tall * row, row, channels, row, 1),
    )
    which = torch.arange(n, device=padded.device)
    return windows[which, corners[:, 0], corners[:, 1]].view(n, height, width, channels)


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirrors each picture left to right with `probability`. params (N, 1) bool: mirror it."""

    pixels_only: ClassVar[bool] = True

    enabled: bool
    probability: Fraction

    @property
    def active(self) -> bool:
        return self.enabled and self.probability > 0

    def draw(self, generator: torch.Generator, n: int, _size: int) -> Tensor:
        return torch.rand(n, 1, generator=generator) < self.probability

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        return torch.where(params.view(-1, 1, 1, 1), images.flip(3), images), targets


@dataclass(frozen=True)
class Rotation:
    """Turns each picture about its centre, by bilinear interpolation.

    params (N, 1) float: the angle in degrees, in [-degrees, degrees], counter-clockwise.
    """

    pixels_only: ClassVar[bool] = False

    degrees: Annotated[float, Range(0, 180)]
    fill: Fill

    @property
    def active(self) -> bool:
        return self.degrees > 0

    def draw(self, generator: torch.Generator, n: int, _size: int) -> Tensor:
        return (2 * torch.rand(n, 1, generator=generator) - 1) * self.degrees

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        angle = params.to(images.dtype).squeeze(1).deg2rad()
        cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        # The grid's coordinates run from -1 to 1 whatever the sides are.
        aspect = images.shape[-1] / images.shape[-2]
        theta = torch.stack([cos, -sin / aspect, zero, sin * aspect, cos, zero], dim=1)
        grid = F.affine_grid(theta.view(-1, 2, 3), list(images.shape), align_corners=False)
        mode = {"reflect": "reflection", "zero": "zeros", "edge": "border"}[self.fill]
        turned = F.grid_sample(images, grid, padding_mode=mode, align_corners=False)
        return turned.contiguous(memory_format=memory_format(images)), targets


def memory_format(images: Tensor) -> torch.memory_format:
    """The format that `images` (N, C, H, W) have, for ops whose kernels would change it."""
    last = images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format
