"""VGG (Simonyan & Zisserman 2015) with batch norm: 3x3 convolutions in stages, nothing else."""

from typing import Literal

from torch import Tensor, nn

from cnn_cli.limits import Count, ProperFraction
from cnn_cli.models.layers import OutputLayer, conv_block, initialise

Depth = Literal[11, 13, 16, 19]

CONVS: dict[int, tuple[int, ...]] = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Convolutions of each stage (table 1 of the paper: A, B, D, E)."""
WIDEST = 8
"""Times the width of the first stage: there the doubling ends."""


class VGG(nn.Module):
    """Input (N, in_channels, image_size, image_size) float, output logits (N, num_classes).

    Each of five stages ends by maximum pooling; where a map is 1x1 already there is nothing left to
    pool. The head averages the last map, then dense layers of the widths `hidden`, with dropout
    before each (the paper: [4096, 4096] on a flattened 7x7 map). Raises ValueError for an unknown
    depth.
    """

    def __init__(
        self,
        in_channels: Count,
        num_classes: Count,
        image_size: Count,
        *,
        depth: Depth,
        width: Count,
        hidden: tuple[Count, ...],
        dropout: ProperFraction,
    ) -> None:
        super().__init__()
        if depth not in CONVS:
            raise ValueError(f"depth: {depth} is unknown; choose {', '.join(map(str, CONVS))}")
        self.features = nn.Sequential()
        channels, side = in_channels, image_size
        for stage, convs in enumerate(CONVS[depth]):
            wide = width * min(2**stage, WIDEST)
            for _ in range(convs):
                self.features.append(_conv(channels, wide))
                channels = wide
            if side > 1:
                self.features.append(nn.MaxPool2d(2))
                side //= 2
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Flatten())
        for features in hidden:
            self.classifier.extend([nn.Dropout(dropout), nn.Linear(channels, features), nn.ReLU()])
            channels = features
        self.classifier.extend([nn.Dropout(dropout), OutputLayer(channels, num_classes)])
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float to logits (N, num_classes)."""
        logits: Tensor = self.classifier(self.avgpool(self.features(images)))
        return logits


def _conv(in_channels: int, out_channels: int) -> nn.Sequential:
    return conv_block(
        in_channels,
        out_channels,
        kernel_size=3,
        stride=1,
        padding=1,
        norm="batch",
        activation="relu",
    )
