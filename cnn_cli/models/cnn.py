"""A plain convolutional network of which every building block is an option."""

from typing import Annotated, Literal

from torch import Tensor, nn

from cnn_cli.limits import Count, Depth, NonNegativeInt, ProperFraction, Range
from cnn_cli.models.layers import (
    Activation,
    Norm,
    OutputLayer,
    activation_layer,
    conv_block,
    initialise,
    out_size,
)

Pooling = Literal["max", "average", "strided"]
Head = Literal["global_average", "flatten"]


class CNN(nn.Module):
    """Stages of `convs` convolutions each, the map halved between stages, then a head.

    Input (N, in_channels, image_size, image_size) float, output logits (N, num_classes). With
    `stride` None, that of the first convolution follows the picture: 1 below 96 pixels, 2 below
    192, else 4. `padding` None is kernel_size // 2.
    Raises ValueError where no map would be left, with the sizes of all stages.
    """

    def __init__(
        self,
        in_channels: Count,
        num_classes: Count,
        image_size: Count,
        *,
        channels: tuple[Count, ...],
        convs: Depth,
        kernel_size: Annotated[int, Range(1, 15)],
        stride: Count | None,
        padding: NonNegativeInt | None,
        activation: Activation,
        norm: Norm,
        pooling: Pooling,
        head: Head,
        hidden: tuple[Count, ...],
        dropout: ProperFraction,
    ) -> None:
        super().__init__()
        if not channels:
            raise ValueError("channels: is empty; give the width of at least one stage: [32, 64]")
        first = _stem_stride(image_size) if stride is None else stride
        layers = _layers(len(channels), convs, kernel_size, first, padding, pooling)
        side = _map_sizes(image_size, layers, pooling)[-1]
        self.stages = nn.Sequential()
        width = in_channels
        for stage, out in enumerate(channels):
            blocks = nn.Sequential()
            if stage > 0 and pooling != "strided":
                blocks.append(nn.MaxPool2d(2) if pooling == "max" else nn.AvgPool2d(2))
            for kernel, step, pad in layers[stage]:
                blocks.append(
                    conv_block(
                        width,
                        out,
                        kernel_size=kernel,
                        stride=step,
                        padding=pad,
                        norm=norm,
                        activation=activation,
                    )
                )
                width = out
            self.stages.append(blocks)
        features = width if head == "global_average" else width * side * side
        self.head = _head(head, features, hidden, num_classes, activation, dropout)
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float to logits (N, num_classes)."""
        logits: Tensor = self.head(self.stages(images))
        return logits


Layer = tuple[int, int, int]
"""Kernel size, stride and padding of one convolution."""


def _layers(
    stages: int, convs: int, kernel: int, stride: int, padding: int | None, pooling: Pooling
) -> list[list[Layer]]:
    """The convolutions of each stage; the first of all is wide enough to skip no pixel."""
    plan = []
    for stage in range(stages):
        first = stride if stage == 0 else 2 if pooling == "strided" else 1
        wide = max(kernel, 2 * stride - 1) if stage == 0 else kernel
        rows = [(wide, first)] + [(kernel, 1)] * (convs - 1)
        plan.append([(k, s, k // 2 if padding is None else padding) for k, s in rows])
    return plan


def _map_sizes(image_size: int, layers: list[list[Layer]], pooling: Pooling) -> list[int]:
    """Side of the map after each stage, in pixels. Raises ValueError where a stage is left none."""
    sizes: list[int] = []
    side = image_size
    for stage, convolutions in enumerate(layers):
        # A 1x1 map cannot be halved: a strided convolution would only throw its work away.
        halved = stage > 0
        if halved and side < 2:
            side = 0
        elif halved and pooling != "strided":
            side //= 2
        for kernel, stride, padding in convolutions:
            side = out_size(side, kernel, stride, padding) if side > 0 else 0
        sizes.append(max(side, 0))
    if sizes[-1] < 1:
        shown = " > ".join(str(side) for side in [image_size, *sizes])
        kernel, stride, padding = layers[-1][-1][0], layers[0][0][1], layers[-1][-1][2]
        raise ValueError(
            f"channels: {len(sizes)} stages with kernel_size={kernel}, stride={stride} and "
            f"padding={padding} leave nothing of pictures of {image_size} pixels (sides of the "
            f"maps: {shown}); use fewer stages, a smaller kernel or stride, more padding, or "
            "larger pictures"
        )
    return sizes


def _stem_stride(image_size: int) -> int:
    if image_size < 96:
        return 1
    return 2 if image_size < 192 else 4


def _head(
    head: Head,
    features: int,
    hidden: tuple[int, ...],
    num_classes: int,
    activation: Activation,
    dropout: float,
) -> nn.Sequential:
    """Map to logits: average or flatten, then dense layers with dropout before each."""
    layers = nn.Sequential()
    if head == "global_average":
        layers.append(nn.AdaptiveAvgPool2d(1))
    layers.append(nn.Flatten())
    for width in hidden:
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
        layers.append(nn.Linear(features, width))
        layers.append(activation_layer(activation))
        features = width
    if dropout > 0:
        layers.append(nn.Dropout(dropout))
    layers.append(OutputLayer(features, num_classes))
    return layers
