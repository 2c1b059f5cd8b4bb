"""LeNet-5 (LeCun et al. 1998): where convolutional networks for pictures began."""

from typing import Literal

from torch import Tensor, nn

from cnn_cli.limits import Count
from cnn_cli.models.layers import Norm, OutputLayer, norm_layer, out_size

Pooling = Literal["average", "max"]
Unit = Literal["tanh", "relu"]
PADDED_BELOW = 32
"""Pixels: LeCun's 28x28 digits stood in the middle of 32x32."""
SMALLEST_UNPADDED = 6
"""Side of a map from which the second convolution leaves something to pool."""


class LeNet(nn.Module):
    """Input (N, in_channels, image_size, image_size) float, output logits (N, num_classes).

    Two 5x5 convolutions of 6 and 16 maps (times `width`), each pooled, and dense layers of 120 and
    84. Pictures below 32 pixels are padded by 2, maps too small for the second convolution as well.
    Differs from the paper as all do: every map sees every map, pooling has no weights, and the last
    layer is dense. Raises ValueError for pictures below 4 pixels.
    """

    def __init__(
        self,
        in_channels: Count,
        num_classes: Count,
        image_size: Count,
        *,
        width: Count,
        activation: Unit,
        pooling: Pooling,
        norm: Norm,
    ) -> None:
        super().__init__()
        if image_size < 4:
            raise ValueError(f"LeNet halves pictures twice: {image_size} pixels are too few, use 4")
        pads, side = [], image_size
        for least in (PADDED_BELOW, SMALLEST_UNPADDED):
            pads.append(2 if side < least else 0)
            side = out_size(side, 5, 1, pads[-1]) // 2
        maps = (6 * width, 16 * width)
        self.features = nn.Sequential(
            *_stage(in_channels, maps[0], pads[0], activation, pooling, norm),
            *_stage(maps[0], maps[1], pads[1], activation, pooling, norm),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(maps[1] * side * side, 120 * width),
            _unit(activation),
            nn.Linear(120 * width, 84 * width),
            _unit(activation),
            OutputLayer(84 * width, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float to logits (N, num_classes)."""
        logits: Tensor = self.classifier(self.features(images))
        return logits


def _stage(
    in_channels: int, maps: int, padding: int, activation: Unit, pooling: Pooling, norm: Norm
) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, maps, 5, padding=padding, bias=norm == "none"),
        norm_layer(norm, maps),
        _unit(activation),
        nn.AvgPool2d(2) if pooling == "average" else nn.MaxPool2d(2),
    ]


def _unit(name: Unit) -> nn.Module:
    return nn.Tanh() if name == "tanh" else nn.ReLU()
