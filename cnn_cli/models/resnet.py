"""Residual networks (He et al. 2016): the ImageNet family and the narrower CIFAR family.

Layers are named as in torchvision, so that its weights fit the ImageNet family as they are.
"""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from cnn_cli.limits import Count
from cnn_cli.models.layers import initialise, out_size

Depth = Literal[18, 20, 32, 34, 44, 50, 56, 110]
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
LARGE_STEM_FROM = 96


class ResNet(nn.Module):
    """Input (N, in_channels, image_size, image_size) float, output logits (N, num_classes).

    Depths 18, 34 and 50 have widths 64 to 512 and projections where the shape changes; depths 20,
    32, 44, 56 and 110 have widths 16 to 64 and no parameters in their shortcuts. `block` exchanges
    the kind of block and keeps their number. The large stem (7x7, stride 2, then max pooling)
    quarters the picture's side; the small one (3x3) keeps it; `auto` is large from 96 pixels.
    Raises ValueError for an unknown depth, and for an input too small for the stages.
    """

    def __init__(
        self,
        in_channels: Count,
        num_classes: Count,
        image_size: Count,
        *,
        depth: Depth,
        block: Block,
        stem: Stem,
        zero_init: bool,
    ) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(
                f"depth: {depth} is unknown; choose {', '.join(map(str, sorted(BLOCKS)))}"
            )
        if stem == "auto":
            stem = "large" if image_size >= LARGE_STEM_FROM else "small"
        stages = len(BLOCKS[depth])
        _check_sizes(image_size, depth, stem)
        width = 64 if stages == 4 else 16
        kernel, stride = (7, 2) if stem == "large" else (3, 1)
        self.conv1 = nn.Conv2d(in_channels, width, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1) if stem == "large" else nn.Identity()
        kind = Bottleneck if block == "bottleneck" or (block, depth) == ("auto", 50) else BasicBlock
        features = width
        for stage, count in enumerate(BLOCKS[depth]):
            layer = nn.Sequential()
            for index in range(count):
                step = 2 if stage > 0 and index == 0 else 1
                layer.append(kind(features, width << stage, step, project=stages == 4))
                features = (width << stage) * kind.expansion
            self.add_module(f"layer{stage + 1}", layer)
        self.stages = stages
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(features, num_classes)
        initialise(self)
        if zero_init:
            self._start_as_identity()

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float to logits (N, num_classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for stage in range(1, self.stages + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        logits: Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits

    def _start_as_identity(self) -> None:
        """Let each block begin as its shortcut (Goyal et al. 2017): zero scale in its last norm."""
        for module in self.modules():
            if isinstance(module, BasicBlock | Bottleneck):
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


class PadShortcut(nn.Module):
    """Every `stride`-th pixel and zeros for the new channels (option A of the paper)."""

    def __init__(self, stride: int, new_channels: int) -> None:
        super().__init__()
        self.stride = stride
        self.new_channels = new_channels

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new_channels))


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
    halvings += [f"layer{stage + 1}" for stage in range(1, len(BLOCKS[depth]))]
    for name in halvings:
        names.append(name)
        sides.append(out_size(sides[-1], 3, 2, 1))
    if 1 in sides[:-1]:
        shown = ", ".join(f"{name} {side}x{side}" for name, side in zip(names, sides, strict=True))
        shallower = ["depth=20"] if len(BLOCKS[depth]) == 4 else []
        fixes = [*(["stem=small"] if stem == "large" else []), *shallower, "larger pictures"]
        raise ValueError(
            f"depth: pictures of {image_size} pixels are too small for depth {depth} with the "
            f"{stem} stem ({shown}); use {' or '.join(fixes)}"
        )
