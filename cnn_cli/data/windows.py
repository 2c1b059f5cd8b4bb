"""Padded crops: pictures with a border, and all their windows as one view that an index copies."""

import torch.nn.functional as F
from torch import Tensor

from cnn_cli.data.contract import Fill


def pad(images: Tensor, padding: int, fill: Fill) -> Tensor:
    """(N, H, W, C) of any dtype with `padding` more pixels on each side, contiguous.

    Raises ValueError where `reflect` would need more than the picture has.
    """
    _, height, width, _ = images.shape
    if fill == "reflect" and padding >= min(height, width):
        raise ValueError(f"{width}x{height} pictures have too few pixels to reflect {padding}")
    padded = F.pad(images, (0, 0, padding, padding, padding, padding)).contiguous()
    if fill == "zero" or padding == 0:
        return padded
    # Rows first and columns after them, over the full height: that fills the corners as well.
    for dim, size in ((1, height), (2, width)):
        before, after = padded.narrow(dim, 0, padding), padded.narrow(dim, padding + size, padding)
        if fill == "edge":
            before.copy_(padded.narrow(dim, padding, 1).expand_as(before))
            after.copy_(padded.narrow(dim, padding + size - 1, 1).expand_as(after))
        else:
            before.copy_(padded.narrow(dim, padding + 1, padding).flip(dim))
            after.copy_(padded.narrow(dim, size - 1, padding).flip(dim))
    return padded


def cut(padded: Tensor, size: tuple[int, int], which: Tensor, corners: Tensor) -> Tensor:
    """The windows of `size` (height, width) at `corners` of the pictures `which`, contiguous.

    padded (N, H, W, C), contiguous; which (B,) and corners (B, 2), top and left, int64 on the same
    device; gives (B, height, width, C). All windows are one view, each named by the pixel that it
    begins at: one selection copies whole rows of pixels. To index pictures, tops and lefts apart
    copies them item by item, which takes four times as long on a CPU.
    """
    _, rows, columns, channels = padded.shape
    height, width = size
    begins = max(0, padded.numel() // channels - (height - 1) * columns - (width - 1))
    views = padded.as_strided(
        (begins, height, width, channels), (channels, columns * channels, channels, 1)
    )
    top, left = corners.unbind(1)
    return views.index_select(0, (which * rows + top) * columns + left)
