"""Ops that mix each picture and its target with another one of the same batch.

The partner of picture i of N is picture N - 1 - i: the order of a batch is random already.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from cnn_cli.augmentation.erasing import pasted
from cnn_cli.limits import Fraction, NonNegative


@dataclass(frozen=True)
class MixUp:
    """Weighted means of two pictures and of their targets (Zhang et al. 2018).

    params (N, 1) float in [0, 1]: the picture's own weight, from Beta(alpha, alpha) for the share
    `probability` of the pictures, else 1.
    """

    pixels_only: ClassVar[bool] = False

    alpha: NonNegative
    probability: Fraction

    @property
    def active(self) -> bool:
        return self.alpha > 0 and self.probability > 0

    def draw(self, generator: torch.Generator, n: int, _size: int) -> Tensor:
        return _weights(generator, n, self.alpha, self.probability)[:, None]

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        weights = params.to(images.dtype)
        mixed = torch.lerp(images.flip(0), images, weights.view(-1, 1, 1, 1))
        return mixed, torch.lerp(targets.flip(0), targets, weights)


@dataclass(frozen=True)
class CutMix:
    """A rectangle of the partner is laid over the picture (Yun et al. 2019).

    params (N, 4) int64: top, left, bottom and right of the rectangle in pixels; all 0 for the
    pictures that stay whole. Its area is 1 minus a weight from Beta(alpha, alpha) before it is cut
    at the border; targets are mixed by the area that is left.
    """

    pixels_only: ClassVar[bool] = True

    alpha: NonNegative
    probability: Fraction

    @property
    def active(self) -> bool:
        return self.alpha > 0 and self.probability > 0

    def draw(self, generator: torch.Generator, n: int, size: int) -> Tensor:
        weights = _weights(generator, n, self.alpha, self.probability)
        half = (size * (1 - weights).sqrt() / 2).floor()
        centres = (torch.rand(2, n, generator=generator) * size).floor()
        low, high = (centres - half).clamp(min=0), (centres + half).clamp(max=size)
        boxes = torch.stack([low[0], low[1], high[0], high[1]], dim=1)
        return (boxes * (half > 0)[:, None]).long()

    def apply(self, images: Tensor, targets: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        mixed = pasted(images, images.flip(0), params)
        top, left, bottom, right = params.unbind(1)
        area = (bottom - top) * (right - left) / (images.shape[2] * images.shape[3])
        return mixed, torch.lerp(targets, targets.flip(0), area.to(targets.dtype)[:, None])


def _weights(generator: torch.Generator, n: int, alpha: float, probability: float) -> Tensor:
    """(N) float32 in [0, 1]: torch draws no Beta from a generator, NumPy does."""
    seed = int(torch.randint(2**62, (1,), generator=generator))
    source = np.random.default_rng(seed)
    weights = np.where(source.random(n) < probability, source.beta(alpha, alpha, n), 1.0)
    return torch.from_numpy(weights.astype(np.float32))
