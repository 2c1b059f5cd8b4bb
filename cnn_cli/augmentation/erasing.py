"""Random erasing: a rectangle of each picture is painted over."""

from dataclasses import dataclass
from math import log
from typing import ClassVar

import torch
from torch import Tensor

from cnn_cli.augmentation.geometry import ProperShare, memory_format
from cnn_cli.limits import Fraction, Positive


@dataclass(frozen=True)
class RandomErasing:
    """Paints a rectangle in the picture's mean colour (Zhong et al. 2020; cutout: ratio [1, 1]).

    params (N, 4) int64: top, left, bottom and right, in pixels; all 0 where nothing is erased.
    `scale` is the rectangle's share of the picture, `ratio` its height over its width.
    """

    pixels_only: ClassVar[bool] = True
    mixes: ClassVar[bool] = False

    probability: Fraction
    scale: tuple[ProperShare, ProperShare]
    ratio: tuple[Positive, Positive]

    def __post_init__(self) -> None:
        for name in ("scale", "ratio"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: {[low, high]} must rise: [smallest, largest]")

    @property
    def active(self) -> bool:
        return self.probability > 0

    def draw(self, generator: torch.Generator, n: int, size: int) -> Tensor:
        chance, area, aspect, down, across = torch.rand(5, n, generator=generator)
        low, high = self.scale
        side = size * (low + (high - low) * area).sqrt()
        first, last = (log(value) / 2 for value in self.ratio)
        stretch = (first + (last - first) * aspect).exp()
        height, width = ((side * s).round().clamp(1, size) for s in (stretch, 1 / stretch))
        top, left = (down * (size - height + 1)).floor(), (across * (size - width + 1)).floor()
        boxes = torch.stack([top, left, top + height, left + width], dim=1)
        chosen: Tensor = boxes * (chance < self.probability)[:, None]
        return chosen.long()

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        mean = images.mean(dim=(2, 3), keepdim=True, dtype=torch.float32)
        return pasted(images, mean.to(images.dtype), params), targets


def pasted(images: Tensor, other: Tensor, boxes: Tensor) -> Tensor:
    """`images` (N, C, H, W) with `other` (N, C, H or 1, W or 1) inside of boxes (N, 4).

    A box is top, left, bottom and right in pixels. Keeps the memory format.
    """
    _, channels, height, width = images.shape
    top, left, bottom, right = boxes.view(-1, 4, 1).unbind(1)
    # Whole rows of pixels, all channels in one line: a mask of one line serves a whole box.
    lines = images.permute(0, 2, 3, 1).flatten(2)
    laid = other.expand(-1, -1, -1, width).permute(0, 2, 3, 1).flatten(2)
    row = torch.arange(height, device=images.device)
    column = torch.arange(width * channels, device=images.device) // channels
    high, wide = (row >= top) & (row < bottom), (column >= left) & (column < right)
    mask = (high.byte()[:, :, None] * wide.byte()[:, None, :]).bool()
    changed = torch.where(mask, laid, lines).view(-1, height, width, channels)
    return changed.permute(0, 3, 1, 2).contiguous(memory_format=memory_format(images))
