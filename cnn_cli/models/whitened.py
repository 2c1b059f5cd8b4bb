"""A short, wide network that learns fast: its first layer whitens the pictures and is not trained.

After KellerJordan/cifar10-airbench (Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU",
section 3; the third convolution is that of its airbench96), by default with ReLU, which a CPU does
faster than airbench's GELU.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from cnn_cli.limits import Count, Positive
from cnn_cli.models.layers import (
    Activation,
    GlobalMaxPool,
    OutputLayer,
    activation_layer,
    initialise,
)

PATCH = 2
"""Side in pixels of the patches that the first layer looks at."""
LEAST_VARIANCE = 5e-4
"""Added to each direction's variance, so that those with almost none are not blown up."""
PATCHES = 200_000
"""Patches that the covariance is taken from at most."""
MOMENTUM = 0.6
"""Share of the running statistics that a step keeps: a short training must forget."""


class Whitened(nn.Module):
    """Input (N, in_channels, image_size, image_size) float, output logits (N, num_classes).

    The first layer turns each 2x2 patch into its principal components of unit variance and their
    negatives; only its bias is trained. Then one group of `depth` 3x3 convolutions for each entry
    of `channels`, of which the first is followed by max pooling, and where there are three a
    shortcut leads round the other two; the maximum of each map; a dense layer without bias, times
    `scale`. Convolutions start as the identity of their first channels.
    Norms have no scale, only a bias. `initialise` sets the first layer and must be called once
    before training; until then it passes the pixels of a patch on as they are.
    Raises ValueError where there is no group, or no patch in a picture.
    """

    def __init__(
        self,
        in_channels: Count,
        num_classes: Count,
        image_size: Count,
        *,
        channels: tuple[Count, ...],
        scale: Positive,
        depth: Literal[2, 3] = 2,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        if not channels:
            raise ValueError("channels: is empty; give the width of at least one group: [64, 128]")
        if image_size < PATCH:
            raise ValueError(f"image_size: {image_size} is too small; {PATCH} pixels at least")
        values = in_channels * PATCH**2
        self.whiten = nn.Conv2d(in_channels, 2 * values, PATCH)
        self.activation = activation_layer(activation)
        self.stages = nn.Sequential()
        width, side = 2 * values, image_size - PATCH + 1
        for out in channels:
            self.stages.append(Group(width, out, activation, depth=depth, halve=side > 1))
            width, side = out, max(side // 2, 1)
        self.pool = GlobalMaxPool()
        self.head = OutputLayer(width, num_classes, bias=False)
        self.scale = scale
        initialise(self)
        for module in self.stages.modules():
            if isinstance(module, nn.Conv2d):
                _start_as_identity(module.weight)
        eye = torch.eye(values).view(values, in_channels, PATCH, PATCH)
        self._set_directions(eye)
        self.whiten.weight.requires_grad = False

    def initialise(self, images: Tensor) -> None:
        """Whiten by the patches of `images` (N, C, H, W), normalised as in training."""
        self._set_directions(whitening(images))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float to logits (N, num_classes)."""
        maps = self.stages(self.activation(self.whiten(images)))
        logits: Tensor = self.head(self.pool(maps).flatten(1))
        return logits * self.scale

    @torch.no_grad()
    def _set_directions(self, directions: Tensor) -> None:
        """Each direction and its negative: ReLU keeps one half of the values of either."""
        self.whiten.weight.copy_(torch.cat([directions, -directions]))


class Group(nn.Module):
    """(N, in, H, W) to (N, out, H // 2, W // 2): convolution, pooling, one or two convolutions.

    A map of one pixel stays as it is: without `halve`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        activation: Activation,
        *,
        depth: int,
        halve: bool,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2) if halve else nn.Identity()
        self.norm1 = _norm(out_channels)
        self.act1 = activation_layer(activation)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = _norm(out_channels)
        self.act2 = activation_layer(activation)
        self.third = depth > 2
        if self.third:
            self.conv3 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
            self.norm3 = _norm(out_channels)
            self.act3 = activation_layer(activation)

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.act1(self.norm1(self.pool(self.conv1(maps))))
        found: Tensor = self.act2(self.norm2(self.conv2(maps)))
        if self.third:
            found = self.act3(self.norm3(self.conv3(found)) + maps)
        return found


def whitening(images: Tensor) -> Tensor:
    """(K, C, 2, 2): the principal directions of the 2x2 patches of (N, C, H, W), K = 4 C.

    Each is scaled so that its values have about unit variance; largest variance first.
    """
    sizes = (images.shape[1], PATCH, PATCH)
    patches = images.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH)
    rows = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, sizes[0] * PATCH**2)[:PATCHES].double()
    covariance = rows.T @ rows / len(rows)
    variances, vectors = torch.linalg.eigh(covariance)
    scaled = vectors.T / (variances[:, None] + LEAST_VARIANCE).sqrt()
    found: Tensor = scaled.flip(0).view(-1, *sizes).to(images.dtype)
    return found


def _norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, momentum=1 - MOMENTUM)
    norm.weight.requires_grad = False
    return norm


@torch.no_grad()
def _start_as_identity(kernel: Tensor) -> None:
    """The first channels pass on what comes in; the rest stays random (Zagoruyko 2017: Dirac)."""
    nn.init.dirac_(kernel[: kernel.shape[1]])
