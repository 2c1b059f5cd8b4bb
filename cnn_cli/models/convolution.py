"""Convolutions as a CPU does them best."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PAYS = {
    torch.bfloat16: ((4, 64 * 64, 64), (8, 128 * 128, 32)),
    torch.float32: ((4, 256 * 256, 64),),
}
"""Where it pays to put maps side by side, for each arithmetic: for results up to so many pixels
wide, with so many pairs of input and output channels at least, in rows up to so many pixels wide
(a row of a tile of AMX holds 32 numbers). Measured on such a processor with 64 to 500 pictures: a
layer is 1.1 to 5 times as fast in bfloat16, 1.05 to 2.6 times in float32; with wider results or
fewer channels slower. Whether a processor gains at all is the caller's to know."""


class Conv2d(nn.Conv2d):
    """nn.Conv2d that trains small maps side by side on a CPU, several pictures a row.

    The kernels there work along a map's width: of the 32 places that a product has in bfloat16, a
    map of 4 pixels fills 4, most of all in the gradient of the weights. Here the maps of several
    pictures become one wide map, with as many zeros between them as the padding asks for; results
    are equal but for rounding. See `set_side_by_side` for the switch. As it looks at what it is
    given, it can neither be scripted nor traced symbolically in training.

    Most depthwise kernels train in float32, from which their results are rounded: in bfloat16 torch
    takes 1.2 to 11 times as long for them, most of it for the gradient of maps with a stride (on a
    processor with AVX512-BF16; 3x3 without stride is as fast).

    Maps narrower than the stride, and with a stride those of which a single row or column is left,
    are computed in float32: in bfloat16 torch leaves parts of such results, or of the kernel's
    gradient, unset, so that they hold whatever was in memory (seen with torch 2.15 on processors
    with AMX and with AVX512-BF16).
    """

    side_by_side = False

    def forward(self, maps: Tensor) -> Tensor:
        reduced = torch.is_autocast_enabled("cpu")
        if not (self.training or reduced) or maps.device.type != "cpu":
            return super().forward(maps)
        least, stride = min(maps.shape[-2:]), max(self.stride)
        dtype = torch.get_autocast_dtype("cpu") if reduced else maps.dtype
        count = self._pictures_a_row(maps, dtype) if self.training and self.side_by_side else 1
        if count > 1 and (least >= stride or not reduced):
            return self._beside(maps, count)
        if reduced and stride > 1 and (least < stride or self._leaves_a_line(maps)):
            return self._in_float32(maps)
        if reduced and self.training and is_depthwise(self):
            return self._in_float32(maps).to(dtype)
        return super().forward(maps)

    def _in_float32(self, maps: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            bias = None if self.bias is None else self.bias.float()
            found: Tensor = self._conv_forward(maps.float(), self.weight.float(), bias)
        return found

    def _leaves_a_line(self, maps: Tensor) -> bool:
        """Whether the result has one row or one column, and more than a pixel."""
        paddings = (0, 0) if isinstance(self.padding, str) else self.padding
        sizes = zip(
            maps.shape[-2:], paddings, self.dilation, self.kernel_size, self.stride, strict=True
        )
        found = [(s + 2 * p - d * (k - 1) - 1) // t + 1 for s, p, d, k, t in sizes]
        return min(found) <= 1 < max(found)

    def _pictures_a_row(self, maps: Tensor, dtype: torch.dtype) -> int:
        """How many pictures are best computed as one; 1 where each is better left alone."""
        if not can_join(self) or maps.dim() != 4:
            return 1
        if not maps.is_contiguous(memory_format=torch.channels_last):
            return 1
        width = -(-maps.shape[-1] // self.stride[1])
        pairs = self.in_channels * self.out_channels
        for widest, fewest, row in PAYS.get(dtype, ()):
            if width <= widest:
                count = row // (self._pitch(maps) // self.stride[1])
                return min(count, len(maps)) if pairs >= fewest else 1
        return 1

    def _pitch(self, maps: Tensor) -> int:
        """Columns from one picture to the next: its own and the padding, in whole strides."""
        stride = self.stride[1]
        return -(-(maps.shape[-1] + self.kernel_size[1] // 2) // stride) * stride

    def _beside(self, maps: Tensor, count: int) -> Tensor:
        """The convolution of (N, C, H, W), `count` pictures in a row."""
        wide = side_by_side(maps, count, self._pitch(maps))
        found = self._conv_forward(wide, self.weight, self.bias)
        return apart(found, len(maps), count, -(-maps.shape[-1] // self.stride[1]))


def side_by_side(maps: Tensor, count: int, pitch: int) -> Tensor:
    """(N, C, H, W) to (ceil(N / count), C, H, count * pitch): `count` pictures in each row.

    Each takes up `pitch` >= W columns, zero beyond its own; so are pictures that N lacks.
    """
    many, _, height, width = maps.shape
    rows = -(-many // count)
    padded = F.pad(maps, (0, pitch - width, 0, 0, 0, 0, 0, rows * count - many))
    split = padded.permute(0, 2, 3, 1).reshape(rows, count, height, pitch, -1).transpose(1, 2)
    return split.reshape(rows, height, count * pitch, -1).permute(0, 3, 1, 2)


def apart(maps: Tensor, many: int, count: int, width: int) -> Tensor:
    """(R, C, H, count * pitch) to (many, C, H, width): what `side_by_side` put together."""
    rows, channels, height, _ = maps.shape
    split = maps.permute(0, 2, 3, 1).reshape(rows, height, count, -1, channels)[:, :, :, :width]
    back = split.transpose(1, 2).reshape(rows * count, height, width, channels)
    # of one row a view is left, which the next layer would not take for channels_last
    return back[:many].contiguous().permute(0, 3, 1, 2)


def can_join(module: nn.Conv2d) -> bool:
    """Whether a convolution can take its maps side by side, whatever they are.

    Zeros around a map have to make up for what the kernel, larger than 1, takes off.
    """
    odd = all(size % 2 for size in module.kernel_size) and max(module.kernel_size) > 1
    same = module.padding == tuple(size // 2 for size in module.kernel_size)
    plain = module.groups == 1 and module.dilation == (1, 1) and module.padding_mode == "zeros"
    return odd and same and plain


def is_depthwise(module: nn.Conv2d) -> bool:
    """Whether each channel has a kernel of its own, other than 3x3 without stride."""
    slim = max(module.kernel_size) <= 3 and max(module.stride) == 1
    return module.groups == module.in_channels > 1 and not slim


def replace(network: nn.Module) -> None:
    """Make each nn.Conv2d with something to gain our `Conv2d`; subclasses and names stay."""
    for module in network.modules():
        if type(module) is not nn.Conv2d:
            continue
        if can_join(module) or max(module.stride) > 1 or is_depthwise(module):
            module.__class__ = Conv2d


def set_side_by_side(network: nn.Module, wanted: bool) -> None:
    """Let the convolutions of a network put small maps side by side, or never."""
    for module in network.modules():
        if isinstance(module, Conv2d):
            module.side_by_side = wanted


def may_join(network: nn.Module, dtype: torch.dtype) -> bool | None:
    """Whether small maps are put side by side on a CPU; None where no layer would gain by it."""
    fewest = min((fewest for _, fewest, _ in PAYS.get(dtype, ())), default=math.inf)
    for layer in network.modules():
        if not isinstance(layer, Conv2d) or not can_join(layer):
            continue
        if layer.in_channels * layer.out_channels >= fewest:
            return layer.side_by_side
    return None
