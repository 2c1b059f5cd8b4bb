"""Ops that move pixels: batched, with parameters of its own for every picture."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_cli.data.contract import Fill
from cnn_cli.data.windows import pad, windows
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
        views = windows(padded, *rows.shape[1:3])
        which = torch.arange(len(images), device=images.device)
        return views[which, params[:, 0], params[:, 1]].permute(0, 3, 1, 2), targets


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
