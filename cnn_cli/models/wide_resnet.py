"""Wide residual networks (Zagoruyko & Komodakis 2016): few blocks, many channels."""

from torch import Tensor, nn

from cnn_cli.limits import Count, Depth, ProperFraction
from cnn_cli.models.layers import OutputLayer, initialise

CHANNELS = 16
"""Of the first convolution (table 1 of the paper)."""


class WideResNet(nn.Module):
    """Input (N, in_channels, image_size, image_size) float, output logits (N, num_classes).

    WRN-`depth`-`width`: three stages of (depth - 4) / 6 blocks with 16, 32 and 64 times `width`
    channels, norm and ReLU before each convolution, dropout between the two of a block. The map is
    halved twice. Raises ValueError for a depth that is not 6n + 4.
    """

    def __init__(
        self,
        in_channels: Count,
        num_classes: Count,
        *,
        depth: Depth,
        width: Count,
        dropout: ProperFraction,
    ) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 4, 6)
        if blocks < 1 or rest:
            raise ValueError(f"depth: {depth} is not 6n + 4; use 10, 16, 22, 28, 40, ...")
        self.conv1 = nn.Conv2d(in_channels, CHANNELS, 3, padding=1, bias=False)
        channels = CHANNELS
        for stage in range(3):
            layer = nn.Sequential()
            for index in range(blocks):
                stride = 2 if stage > 0 and index == 0 else 1
                out = (CHANNELS << stage) * width
                layer.append(WideBlock(channels, out, stride, dropout))
                channels = out
            self.add_module(f"layer{stage + 1}", layer)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = OutputLayer(channels, num_classes)
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float to logits (N, num_classes)."""
        x = self.conv1(images)
        for stage in range(1, 4):
            x = self.get_submodule(f"layer{stage}")(x)
        logits: Tensor = self.fc(self.avgpool(self.relu(self.bn1(x))).flatten(1))
        return logits


class WideBlock(nn.Module):
    """Norm, ReLU, 3x3 convolution, twice, beside a shortcut: (N, in, H, W) to (N, out, H/s, W/s).

    Where the shape changes, the shortcut is a 1x1 convolution of the normalised input.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.relu = nn.ReLU()
        same = stride == 1 and in_channels == out_channels
        self.shortcut = (
            None if same else nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        ready = self.relu(self.bn1(x))
        y = self.dropout(self.relu(self.bn2(self.conv1(ready))))
        kept = x if self.shortcut is None else self.shortcut(ready)
        out: Tensor = self.conv2(y) + kept
        return out
