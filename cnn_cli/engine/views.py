"""Test-time augmentation: what a model says of several views of a picture, averaged.

Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds", section 3.6: the picture, its mirror image, and both
moved by a pixel.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TTA = Literal["none", "flip", "shift"]
"""Views: the picture alone; with its mirror image; those, and both moved by a pixel."""
STEP = 1
"""Pixels by which a picture is moved, up and left, and down and right."""


class Views(nn.Module):
    """`model` on several views: (N, C, H, W) to the mean of their logits (N, K).

    `flip`: the picture and its mirror image. `shift`: also moved by STEP along the diagonal, both
    ways, with a quarter of the weight each; mirror images only with `mirrored`.
    """

    def __init__(self, model: nn.Module, kind: TTA, *, mirrored: bool) -> None:
        super().__init__()
        self.model = model
        self.kind = kind
        self.mirrored = mirrored

    def forward(self, images: Tensor) -> Tensor:
        logits = self._both(images)
        if self.kind != "shift":
            return logits
        height, width = images.shape[-2:]
        padded = F.pad(images.float(), (STEP,) * 4, "replicate").to(images.dtype)
        corners = [padded[..., at : at + height, at : at + width] for at in (0, 2 * STEP)]
        moved = [self._both(corner.contiguous(memory_format=_format(images))) for corner in corners]
        return 0.5 * logits + 0.25 * (moved[0] + moved[1])

    def _both(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images)
        if not self.mirrored:
            return logits
        mirror: Tensor = self.model(images.flip(-1))
        return (logits + mirror) / 2


def _format(images: Tensor) -> torch.memory_format:
    nhwc = images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if nhwc else torch.contiguous_format
