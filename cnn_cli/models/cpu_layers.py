"""Layers of torch that train on a CPU with less work than torch's own, to the same end.

As they look at what they are given, they can not be scripted, nor traced symbolically in training;
in evaluation they are torch's, and so is dropout for torch's compiler.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.compiler import is_compiling

from cnn_cli.models import convolution

LEVELS = 1 << 16
"""Values that a random number of 16 bits has."""


class Flatten(nn.Flatten):
    """nn.Flatten whose gradient comes back in the memory format of its maps.

    torch's is contiguous (NCHW) whatever the maps were, and the layers before would go on with it:
    max pooling then copies all its maps, twice, to work in that format.
    """

    def forward(self, maps: Tensor) -> Tensor:
        whole = (self.start_dim, self.end_dim) == (1, -1)
        # maps that are contiguous as well have a gradient that is both; flat, they are a view
        if self.training and whole and _is_trained(maps) and not maps.is_contiguous():
            found: Tensor = _Flattened.apply(maps)
            return found
        return super().forward(maps)


class _OfMaps(torch.autograd.Function):
    """What its gradient needs of (N, C, H, W) is their shape alone."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.shape = inputs[0].shape


class _Flattened(_OfMaps):
    """(N, C, H, W) to (N, C * H * W), and the gradient to (N, C, H, W) in channels_last."""

    @staticmethod
    def forward(maps: Tensor) -> Tensor:
        return maps.flatten(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].view(ctx.shape).contiguous(memory_format=torch.channels_last)


class AdaptiveAvgPool2d(nn.AdaptiveAvgPool2d):
    """nn.AdaptiveAvgPool2d; to one pixel, with a gradient in the memory format of its maps.

    torch's is contiguous (NCHW) there, and the backward pass of a ReLU before it is slow over two
    formats at once.
    """

    def forward(self, maps: Tensor) -> Tensor:
        if self.training and self.output_size in (1, (1, 1)) and _is_trained(maps):
            found: Tensor = _GlobalAverage.apply(maps)
            return found
        return super().forward(maps)


class _GlobalAverage(_OfMaps):
    """(N, C, H, W) to (N, C, 1, 1), and the gradient to (N, C, H, W) in channels_last."""

    @staticmethod
    def forward(maps: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(maps, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        spread = torch.empty(ctx.shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        return spread.copy_(gradient / math.prod(ctx.shape[2:]))


def _is_trained(maps: Tensor) -> bool:
    """Whether a gradient will come to maps that are channels_last, on a CPU."""
    last = maps.dim() == 4 and maps.is_contiguous(memory_format=torch.channels_last)
    return last and maps.requires_grad and maps.device.type == "cpu"


class Dropout(nn.Dropout):
    """nn.Dropout that draws four decisions from each random number of 64 bits.

    torch's draws a number for each, one after another, which can take longer than a convolution
    does. A value stays with a probability of 1 - p, rounded to a multiple of 2^-16, and is divided
    by exactly that, so that its mean is kept. The numbers come from torch's generator.
    """

    def forward(self, values: Tensor) -> Tensor:
        dropped = round(self.p * LEVELS)
        if not self.training or self.inplace or is_compiling() or not 0 < dropped < LEVELS:
            return super().forward(values)
        if values.device.type != "cpu":
            return super().forward(values)
        return values * _noise(values, dropped)


def _noise(values: Tensor, dropped: int) -> Tensor:
    """0 for `dropped` of 65,536 values, on average, else what makes up for it; like `values`."""
    drawn = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(1 << 63), None)
    # compared in place: a boolean result would not be vectorised
    kept = drawn.view(torch.int16)[: values.numel()].ge_(dropped - LEVELS // 2)
    noise = torch.empty_like(values)  # dense, so that its numbers can have any order
    noise.as_strided((values.numel(),), (1,)).copy_(kept)
    return noise.mul_(LEVELS / (LEVELS - dropped))


def replace(network: nn.Module) -> None:
    """Make a network's layers ours where these have something to gain; subclasses and names stay.

    So they do with convolutions (`convolution.Conv2d`).
    """
    convolution.replace(network)
    ours: dict[type[nn.Module], type[nn.Module]] = {
        nn.Flatten: Flatten,
        nn.AdaptiveAvgPool2d: AdaptiveAvgPool2d,
        nn.Dropout: Dropout,
    }
    for module in network.modules():
        if type(module) in ours:
            module.__class__ = ours[type(module)]
