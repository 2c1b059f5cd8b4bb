"""ConvNeXt (Liu et al. 2022): a convolutional network built as transformers are."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnn_cli.limits import Count, Depth, NonNegative, ProperFraction
from cnn_cli.models.layers import OutputLayer

EXPANSION = 4
KERNEL = 7
EPSILON = 1e-6
STD = 0.02
"""Of the first weights, cut off at two of them."""


class ConvNeXt(nn.Module):
    """Input (N, in_channels, image_size, image_size) float, output logits (N, num_classes).

    `patch` x `patch` pixels become one place of the first map; null follows the picture: 1 below
    16 pixels, 2 below 96, else 4. Each next stage halves the map while it can be halved.
    `drop_path` grows from 0 at the first block to its value at the last. Raises ValueError where
    `channels` and `blocks` differ in length, and for a patch larger than the picture.
    """

    def __init__(
        self,
        in_channels: Count,
        num_classes: Count,
        image_size: Count,
        *,
        channels: tuple[Count, ...],
        blocks: tuple[Depth, ...],
        patch: Count | None,
        drop_path: ProperFraction,
        layer_scale: NonNegative,
    ) -> None:
        super().__init__()
        if len(channels) != len(blocks) or not channels:
            raise ValueError("channels, blocks: give one number for each stage, in both of them")
        patch = patch or _patch(image_size)
        if patch > image_size:
            raise ValueError(f"patch: {patch} is larger than the picture of {image_size} pixels")
        rates = torch.linspace(0, drop_path, sum(blocks), device="cpu").tolist()
        side = image_size // patch
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, channels[0], patch, patch), ChannelNorm(channels[0])
        )
        self.stages = nn.Sequential()
        width = channels[0]
        for out, count in zip(channels, blocks, strict=True):
            stage = nn.Sequential()
            if len(self.stages) > 0:
                step = 2 if side > 1 else 1
                stage.append(ChannelNorm(width))
                stage.append(nn.Conv2d(width, out, step, step))
                side //= step
            stage.extend([Block(out, rates.pop(0), layer_scale) for _ in range(count)])
            self.stages.append(stage)
            width = out
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.fc = OutputLayer(width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.trunc_normal_(module.weight, std=STD, a=-2 * STD, b=2 * STD)
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float to logits (N, num_classes)."""
        x = self.avgpool(self.stages(self.stem(images))).flatten(1)
        logits: Tensor = self.fc(self.norm(x))
        return logits


class Block(nn.Module):
    """7x7 for each map alone, norm, 1x1 up, GELU, 1x1 down, beside an identity; keeps its shape."""

    def __init__(self, width: int, drop_path: float, layer_scale: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, KERNEL, padding=KERNEL // 2, groups=width)
        self.norm = ChannelNorm(width)
        self.up = nn.Conv2d(width, EXPANSION * width, 1)
        self.gelu = nn.GELU()
        self.down = nn.Conv2d(EXPANSION * width, width, 1)
        self.scale = nn.Parameter(torch.full((width,), layer_scale)) if layer_scale else None
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(self.gelu(self.up(self.norm(self.depthwise(x)))))
        if self.scale is not None:
            y = y * self.scale.view(-1, 1, 1)
        return x + _dropped(y, self.drop_path, self.training)


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each place of a map (N, width, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=EPSILON)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (LayerNorm's name)
        rows = input.permute(0, 2, 3, 1)
        normed = F.layer_norm(rows, self.normalized_shape, self.weight, self.bias, self.eps)
        return normed.permute(0, 3, 1, 2)


def _dropped(x: Tensor, rate: float, training: bool) -> Tensor:
    """In training a share of the pictures skips the branch (Huang et al. 2016)."""
    if not training or rate == 0:
        return x
    kept = torch.rand(len(x), 1, 1, 1, device=x.device) >= rate
    return x * kept / (1 - rate)


def _patch(image_size: int) -> int:
    if image_size < 16:
        return 1
    return 2 if image_size < 96 else 4
