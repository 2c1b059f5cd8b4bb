"""Residual networks (He et al. 2016): the ImageNet and CIFAR families, and Page's short one.

Layers are named as in torchvision, so that its weights fit the ImageNet family as they are.
"""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from cnn_cli.limits import Count
from cnn_cli.models.layers import GlobalMaxPool, OutputLayer, initialise, out_size

Depth = Literal[9, 18, 20, 32, 34, 44, 50, 56, 110]
Block = Literal["auto", "basic", "bottleneck"]
Stem = Literal["auto", "small", "large"]

BLOCKS: dict[int, tuple[int, ...]] = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    20: (3, 3, 3),
    32: (5, 5, 5),
    44: (7, 7, 7),
    56: (9, 9, 9),
    110: (18, 18, 18),
}
"""Blocks in each stage, by depth: four stages for ImageNet's family, three for CIFAR's."""
SHORT = 9
SHORT_SCALE = 1 / 3
"""Of the logits, which are large after maximum pooling (Page: 1/8)."""
DEPTHS = sorted([SHORT, *BLOCKS])
SMALLEST = 3
"""Side in pixels of the smallest picture that CIFAR's family halves twice."""
LARGE_STEM_FROM = 96


class ResNet(nn.Module):
    """Input (N, in_channels, image_size, image_size) float, output logits (N, num_classes).

    Depths 18, 34 and 50 start at `width` 64 and have projections where the shape changes; depths
    20, 32, 44, 56 and 110 start at 16 and have no parameters in their shortcuts; the width doubles
    from stage to stage, and `block` exchanges the kind of block and keeps their number. Depth 9 is
    that of Page (2018, "How to train your ResNet"), from 24 channels (Page: 64) to eight times
    that: each stage halves the map by pooling, the first and the last have a residual block, and
    the head takes each map's maximum.
    The large stem (7x7, stride 2, then max pooling) quarters the picture's side; the small one
    (3x3) keeps it; `auto` is large from 96 pixels.
    Raises ValueError for an unknown depth, for a block that depth 9 does not have, and for an input
    too small for the stages.
    """

    def __init__(
        self,
        in_channels: Count,
        num_classes: Count,
        image_size: Count,
        *,
        depth: Depth,
        width: Count | None,
        block: Block,
        stem: Stem,
        zero_init: bool,
    ) -> None:
        super().__init__()
        if depth not in DEPTHS:
            raise ValueError(f"depth: {depth} is unknown; choose {', '.join(map(str, DEPTHS))}")
        if stem == "auto":
            stem = "large" if image_size >= LARGE_STEM_FROM else "small"
        _check_sizes(image_size, depth, stem)
        width = width or (24 if depth == SHORT else 64 if len(BLOCKS[depth]) == 4 else 16)
        kernel, stride = (7, 2) if stem == "large" else (3, 1)
        self.conv1 = nn.Conv2d(in_channels, width, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1) if stem == "large" else nn.Identity()
        stages = _short_stages(width, block) if depth == SHORT else _stages(width, depth, block)
        for number, (stage, _) in enumerate(stages, start=1):
            self.add_module(f"layer{number}", stage)
        self.stages = len(stages)
        short = depth == SHORT
        self.pool = GlobalMaxPool() if short else nn.AdaptiveAvgPool2d(1)
        self.fc = OutputLayer(stages[-1][1], num_classes, bias=not short)
        self.scale = SHORT_SCALE if short else 1.0
        initialise(self)
        if zero_init:
            self._start_as_identity()

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float to logits (N, num_classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for stage in range(1, self.stages + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        logits: Tensor = self.fc(self.pool(x).flatten(1))
        return logits * self.scale

    def _start_as_identity(self) -> None:
        """Let each block begin as its shortcut (Goyal et al. 2017): zero scale in its last norm."""
        for module in self.modules():
            if isinstance(module, BasicBlock | Bottleneck | PlainBlock):
                nn.init.zeros_(module.last_norm.weight)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: (N, in, H, W) to (N, width, H/stride, W/stride)."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int, *, project: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(in_channels, width, stride, project)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn2

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        out: Tensor = self.relu(y + self.downsample(x))
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions; (N, in, H, W) to (N, 4 width, H/stride, W/stride).

    The 3x3 carries the stride, as in torchvision and unlike the paper: half a point more accurate.
    """

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int, *, project: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(in_channels, width * self.expansion, stride, project)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn3

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        out: Tensor = self.relu(y + self.downsample(x))
        return out


class PlainBlock(nn.Module):
    """Two 3x3 convolutions with activations beside an identity; keeps (N, width, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn2

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        out: Tensor = x + self.relu(self.bn2(self.conv2(y)))
        return out


class PadShortcut(nn.Module):
    """Every `stride`-th pixel and zeros for the new channels (option A of the paper)."""

    def __init__(self, stride: int, new_channels: int) -> None:
        super().__init__()
        self.stride = stride
        self.new_channels = new_channels

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new_channels))


Stages = list[tuple[nn.Sequential, int]]
"""Each stage with the channels it gives."""


def _stages(width: int, depth: Depth, block: Block) -> Stages:
    """Those of He's families: `width` channels in the first, twice as many in each next one."""
    kind = Bottleneck if block == "bottleneck" or (block, depth) == ("auto", 50) else BasicBlock
    project = len(BLOCKS[depth]) == 4
    stages: Stages = []
    features = width
    for number, count in enumerate(BLOCKS[depth]):
        stage = nn.Sequential()
        for index in range(count):
            step = 2 if number > 0 and index == 0 else 1
            stage.append(kind(features, width << number, step, project=project))
            features = (width << number) * kind.expansion
        stages.append((stage, features))
    return stages


def _short_stages(width: int, block: Block) -> Stages:
    """Page's three: each doubles the channels and halves the map."""
    if block != "auto":
        raise ValueError(f"block: {block} is for depths from 18; depth 9 has its own, use auto")
    return [
        (nn.Sequential(*_halving(width, 2 * width), PlainBlock(2 * width)), 2 * width),
        (nn.Sequential(*_halving(2 * width, 4 * width)), 4 * width),
        (nn.Sequential(*_halving(4 * width, 8 * width), PlainBlock(8 * width)), 8 * width),
    ]


def _halving(in_channels: int, width: int) -> list[nn.Module]:
    """Pooling stands before the norm, which is cheaper on a quarter of the places."""
    return [
        nn.Conv2d(in_channels, width, 3, 1, 1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]


def _shortcut(in_channels: int, out_channels: int, stride: int, project: bool) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    if not project:
        return PadShortcut(stride, out_channels - in_channels)
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )


def _check_sizes(image_size: int, depth: int, stem: Stem) -> None:
    """Raise ValueError where a 1x1 map would have to be halved once more."""
    names, sides = ["picture"], [image_size]
    halvings = ["stem", "pooling"] if stem == "large" else []
    first = 1 if depth == SHORT else 2
    stages = 3 if depth == SHORT else len(BLOCKS[depth])
    halvings += [f"layer{number}" for number in range(first, stages + 1)]
    for name in halvings:
        names.append(name)
        pooled = depth == SHORT and name.startswith("layer")
        sides.append(sides[-1] // 2 if pooled else out_size(sides[-1], 3, 2, 1))
    if min(sides[:-1]) <= 1:
        shown = ", ".join(f"{name} {side}x{side}" for name, side in zip(names, sides, strict=True))
        deep = (depth == SHORT or stages == 4) and image_size >= SMALLEST
        shallower = ["depth=20"] if deep else []
        fixes = [*(["stem=small"] if stem == "large" else []), *shallower, "larger pictures"]
        raise ValueError(
            f"depth: pictures of {image_size} pixels are too small for depth {depth} with the "
            f"{stem} stem ({shown}); use {' or '.join(fixes)}"
        )
