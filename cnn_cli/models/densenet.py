"""DenseNet-BC (Huang et al. 2017): every layer sees the maps of all layers before it."""

import torch
from torch import Tensor, nn

from cnn_cli.limits import Count, Depth, Fraction, ProperFraction
from cnn_cli.models.layers import OutputLayer, initialise

BOTTLENECK = 4
"""Maps of the 1x1 convolution, as a multiple of the growth rate."""
BLOCKS = 3


class DenseNet(nn.Module):
    """Input (N, in_channels, image_size, image_size) float, output logits (N, num_classes).

    Three dense blocks of (depth - 4) / 6 layers for small pictures (section 4.2 of the paper), each
    layer adding `growth` maps; between the blocks a 1x1 convolution keeps the share `compression`
    of the maps and average pooling halves their sides. Raises ValueError for a depth that is not
    6n + 4, and for pictures below 4 pixels.
    """

    def __init__(
        self,
        in_channels: Count,
        num_classes: Count,
        image_size: Count,
        *,
        depth: Depth,
        growth: Count,
        compression: Fraction,
        dropout: ProperFraction,
    ) -> None:
        super().__init__()
        layers, rest = divmod(depth - 4, 2 * BLOCKS)
        if layers < 1 or rest:
            raise ValueError(f"depth: {depth} is not 6n + 4; use 22, 40, 64, 100, ...")
        if image_size < 4:
            raise ValueError(f"DenseNet halves pictures twice: {image_size} pixels are too few")
        channels = 2 * growth
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.blocks = nn.Sequential()
        for block in range(BLOCKS):
            dense = nn.Sequential(
                *(DenseLayer(channels + i * growth, growth, dropout) for i in range(layers))
            )
            channels += layers * growth
            self.blocks.append(dense)
            if block < BLOCKS - 1:
                kept = max(1, int(channels * compression))
                self.blocks.append(_transition(channels, kept))
                channels = kept
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = OutputLayer(channels, num_classes)
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float to logits (N, num_classes)."""
        x = self.relu(self.norm(self.blocks(self.conv1(images))))
        logits: Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits


class DenseLayer(nn.Module):
    """Norm, ReLU, 1x1, norm, ReLU, 3x3: (N, in, H, W) to (N, in + growth, H, W), input first."""

    def __init__(self, in_channels: int, growth: int, dropout: float) -> None:
        super().__init__()
        inner = BOTTLENECK * growth
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, growth, 3, padding=1, bias=False)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.relu(self.bn1(x)))
        y = self.conv2(self.relu(self.bn2(y)))
        return torch.cat([x, self.dropout(y)], dim=1)


def _transition(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(in_channels),
        nn.ReLU(),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.AvgPool2d(2),
    )
