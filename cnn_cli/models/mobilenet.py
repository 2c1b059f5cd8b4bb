"""MobileNetV2 (Sandler et al. 2018): inverted residuals, for small and large pictures."""

from torch import Tensor, nn

from cnn_cli.limits import Count, Positive, ProperFraction
from cnn_cli.models.layers import OutputLayer, initialise

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks and stride of each stage (table 2 of the paper)."""
STEM, LAST = 32, 1280
LARGE_FROM = 96
MULTIPLE = 8
"""Channels come in multiples of it, which hardware likes."""


class MobileNet(nn.Module):
    """Input (N, in_channels, image_size, image_size) float, output logits (N, num_classes).

    `width` multiplies all channels. Below 96 pixels the stem and the first stage that halves keep
    the size: such pictures are halved three times, larger ones five times.
    """

    def __init__(
        self,
        in_channels: Count,
        num_classes: Count,
        image_size: Count,
        *,
        width: Positive,
        dropout: ProperFraction,
    ) -> None:
        super().__init__()
        large = image_size >= LARGE_FROM
        channels = _multiple(STEM * width)
        self.features = nn.Sequential(_conv(in_channels, channels, 3, 2 if large else 1))
        for stage, (expansion, base, blocks, stride) in enumerate(STAGES):
            out = _multiple(base * width)
            first = stride if large or stage != 1 else 1
            for index in range(blocks):
                step = first if index == 0 else 1
                self.features.append(InvertedResidual(channels, out, step, expansion))
                channels = out
        last = _multiple(LAST * max(1.0, width))
        self.features.append(_conv(channels, last, 1, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Dropout(dropout), OutputLayer(last, num_classes)
        )
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float to logits (N, num_classes)."""
        logits: Tensor = self.classifier(self.avgpool(self.features(images)))
        return logits


class InvertedResidual(nn.Module):
    """1x1 up by `expansion`, 3x3 for each map alone, 1x1 down without activation.

    (N, in, H, W) to (N, out, H/stride, W/stride); the input is added where the shape is the same.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = in_channels * expansion
        self.layers = nn.Sequential()
        if expansion > 1:
            self.layers.append(_conv(in_channels, inner, 1, 1))
        self.layers.append(_conv(inner, inner, 3, stride, groups=inner))
        self.layers.append(nn.Conv2d(inner, out_channels, 1, bias=False))
        self.layers.append(nn.BatchNorm2d(out_channels))
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


def _conv(
    in_channels: int, out_channels: int, kernel: int, stride: int, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(
            in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False
        ),
        nn.BatchNorm2d(out_channels),
        nn.ReLU6(),
    )


def _multiple(channels: float) -> int:
    """The nearest multiple of 8, never less than nine tenths of what was asked for."""
    rounded = max(MULTIPLE, int(channels + MULTIPLE / 2) // MULTIPLE * MULTIPLE)
    return rounded + MULTIPLE if rounded < 0.9 * channels else rounded
