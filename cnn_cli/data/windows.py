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


def windows(padded: Tensor, height: int, width: int) -> Tensor:
    """A view (N, tops, lefts, height, width, C) of all windows of padded (N, H, W, C) pictures.

    Indexing it by picture, top and left copies whole rows of pixels: no work for each picture.
    """
    n, rows, columns, channels = padded.shape
    picture, row, column, channel = padded.stride()
    return padded.as_strided(
        (n, rows - height + 1, columns - width + 1, height, width, channels),
        (picture, row, column, row, column, channel),
    )
