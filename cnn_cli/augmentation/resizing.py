"""Smaller pictures for the first part of training, whose steps then take less time."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_cli.limits import Range


@dataclass(frozen=True)
class Downscale:
    """Shrinks all pictures to `share` of their side, by antialiased bilinear interpolation.

    With `until`, training begins on small pictures and ends on whole ones: progressive resizing
    (Howard 2018, fast.ai in DAWNBench; Tan & Le 2021, EfficientNetV2, section 4). Convolutions take
    share ** 2 of the time. The model has to take pictures of both sizes.
    params (N, 0): nothing is drawn.
    """

    pixels_only: ClassVar[bool] = True
    mixes: ClassVar[bool] = False

    share: Annotated[float, Range(0, 1, open_low=True)]

    @property
    def active(self) -> bool:
        return self.share < 1

    def side(self, size: int) -> int:
        """Side in pixels of what becomes of pictures of side `size`."""
        return max(1, round(self.share * size))

    def draw(self, _generator: torch.Generator, n: int, _size: int) -> Tensor:
        return torch.empty(n, 0)

    def apply(self, images: Tensor, targets: Tensor, _params: Tensor) -> tuple[Tensor, Tensor]:
        side = self.side(images.shape[-1])
        whole = images if images.is_floating_point() or images.is_cpu else images.float()
        small = F.interpolate(whole, (side, side), mode="bilinear", antialias=True)
        if whole.dtype != images.dtype:  # only a CPU has a kernel for bytes
            small = small.round_().clamp_(0, 255).to(images.dtype)
        return small, targets
