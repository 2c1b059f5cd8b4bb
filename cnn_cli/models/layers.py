"""Blocks and choices that several model families share."""

from collections.abc import Callable
from functools import partial
from math import gcd
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["relu", "leaky_relu", "elu", "gelu", "silu"]
Norm = Literal["batch", "group", "none"]

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": partial(nn.LeakyReLU, 0.1),
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
CHANNELS_PER_GROUP = 8


class GlobalMaxPool(nn.AdaptiveMaxPool2d):
    """(N, C, H, W) to (N, C, 1, 1): the maximum of each map.

    Of equal maxima one gets the gradient; where only deterministic kernels are allowed they share
    it, as torch's own pooling has no such kernel on a GPU.
    """

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, maps: Tensor) -> Tensor:
        if maps.is_cuda and torch.are_deterministic_algorithms_enabled():
            return maps.amax((2, 3), keepdim=True)
        found: Tensor = super().forward(maps)
        return found


class OutputLayer(nn.Linear):
    """(N, F) to logits (N, K), in float32 also where the layers before work in less.

    bfloat16 has 8 bits: probabilities from such logits come in steps of up to 3 %, many of them
    equal. The layer is small, so that this costs nothing.
    """

    def forward(self, features: Tensor) -> Tensor:
        kind = features.device.type
        # a model that is only built for trial lies on a device that knows no autocast
        if not torch.amp.is_autocast_available(kind) or not torch.is_autocast_enabled(kind):
            return super().forward(features)
        with torch.autocast(kind, enabled=False):
            return F.linear(features.float(), self.weight, self.bias)


def exact_logits(network: nn.Module, num_classes: int) -> None:
    """Make the last nn.Linear of a network an `OutputLayer`, if it has `num_classes` outputs.

    For networks of others, whose logits it mostly gives; last is the one that is registered last.
    Weights in float32 and names stay as they are; subclasses and other dtypes are left alone. A
    network that ends in another layer keeps the logits of its arithmetic.
    """
    dense = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not dense or type(dense[-1]) is not nn.Linear:
        return
    if dense[-1].out_features == num_classes and dense[-1].weight.dtype == torch.float32:
        dense[-1].__class__ = OutputLayer


def activation_layer(name: Activation) -> nn.Module:
    """A new activation layer. Raises ValueError for an unknown name.

    None works in place: a hook must be able to keep what the layer before it gave.
    """
    if name not in _ACTIVATIONS:
        raise ValueError(f"activation: {name!r} is unknown; choose {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[name]()


def norm_layer(kind: Norm, channels: int) -> nn.Module:
    """Batch norm (Ioffe & Szegedy 2015), group norm (Wu & He 2018) or none; keeps (N, C, H, W).

    Group norm takes 8 channels a group where they divide evenly: with one channel a group, a map of
    1x1 would be normalised to zero. Raises ValueError for an unknown kind.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        return nn.GroupNorm(gcd(channels, max(1, channels // CHANNELS_PER_GROUP)), channels)
    if kind == "none":
        return nn.Identity()
    raise ValueError(f"norm: {kind!r} is unknown; choose batch, group or none")


def conv_block(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: int,
    stride: int,
    padding: int,
    norm: Norm,
    activation: Activation,
) -> nn.Sequential:
    """Convolution, norm, activation; the convolution has a bias only where no norm brings one."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=norm == "none"),
        norm_layer(norm, out_channels),
        activation_layer(activation),
    )


def out_size(size: int, kernel_size: int, stride: int, padding: int) -> int:
    """Side of the map that a convolution or pooling makes of a map with side `size`, in pixels."""
    return (size + 2 * padding - kernel_size) // stride + 1


def initialise(model: nn.Module) -> None:
    """Kaiming-normal weights (He et al. 2015, fan out) and zero biases for every convolution."""
    for module in model.modules():
        # A model that is only built for trial has no numbers, and torch would import its compiler
        # (a second) to draw them.
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
