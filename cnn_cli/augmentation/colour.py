"""Ops that change colours: batched, with parameters of its own for every picture."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cnn_cli.augmentation.geometry import memory_format
from cnn_cli.limits import NonNegative

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R 601)."""


@dataclass(frozen=True)
class ColourJitter:
    """Changes brightness, then contrast, then saturation, each by a random factor.

    params (N, 3) float: the factors, each in [max(0, 1 - x), 1 + x] for the value x given. As in
    torchvision, brightness is a factor, contrast pulls towards the picture's mean grey and
    saturation towards its own grey picture; the order is fixed. Grey pictures have no saturation.
    """

    pixels_only: ClassVar[bool] = False
    mixes: ClassVar[bool] = False

    brightness: NonNegative
    contrast: NonNegative
    saturation: NonNegative

    @property
    def active(self) -> bool:
        return max(self.brightness, self.contrast, self.saturation) > 0

    def draw(self, generator: torch.Generator, n: int, _size: int) -> Tensor:
        spread = torch.tensor([self.brightness, self.contrast, self.saturation])
        low, high = (1 - spread).clamp(min=0), 1 + spread
        return low + (high - low) * torch.rand(n, 3, generator=generator)

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        brightness, contrast, saturation = params.to(images.dtype).view(-1, 3, 1, 1, 1).unbind(1)
        images = (images * brightness).clamp_(0, 1)
        mean = grey(images.mean(dim=(2, 3), keepdim=True))
        images.mul_(contrast).add_(mean * (1 - contrast)).clamp_(0, 1)
        if images.shape[1] == 3:
            images = _saturated(images, saturation.view(-1, 1, 1)).clamp_(0, 1)
        return images, targets


def _saturated(images: Tensor, factor: Tensor) -> Tensor:
    """Each pixel times a matrix: `factor` (N, 1, 1) of itself, the rest of its grey."""
    luma = images.new_tensor(LUMA)[:, None].expand(3, 3)
    own = torch.eye(3, dtype=images.dtype, device=images.device)
    pixels = images.permute(0, 2, 3, 1).flatten(1, 2) @ torch.lerp(luma, own, factor)
    changed = pixels.view(-1, *images.shape[2:], 3).permute(0, 3, 1, 2)
    return changed.contiguous(memory_format=memory_format(images))


def grey(images: Tensor) -> Tensor:
    """(N, 3 or any C, H, W) float -> (N, 1, H, W); pictures that are not RGB by their mean."""
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    red, green, blue = images.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue).unsqueeze(1)
