"""The fourteen operations that augmentation policies choose from, each with its own strengths.

All take pictures (N, C, H, W) uint8 with one strength a picture (N,) float, and give uint8. Like
Pillow and torchvision they know 256 levels; what lies between two is rounded to the nearer one.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from cnn_cli.augmentation.colour import grey
from cnn_cli.augmentation.geometry import turn, warped
from cnn_cli.data.contract import Fill

Kind = Literal[
    "identity", "auto_contrast", "equalize", "rotate", "solarize", "colour", "posterize",
    "contrast", "brightness", "sharpness", "shear_x", "shear_y", "translate_x", "translate_y",
]  # fmt: skip


def apply_kind(kind: Kind, images: Tensor, strength: Tensor, fill: Fill) -> Tensor:
    """`images` after the operation; `fill` is what a moved picture shows beyond its border."""
    column = strength.view(-1, 1, 1, 1)
    if kind in _TABLES:
        return _TABLES[kind](images, column)
    floats = images.float()
    if kind in _PLACES:
        changed = warped(floats, *_PLACES[kind](strength, images.shape[-1]), fill)
    else:
        base = _BASES[kind](floats)
        changed = (floats - base).mul_(column).add_(base).clamp_(0, 255)
    return changed.round_().to(torch.uint8)


def _solarized(images: Tensor, threshold: Tensor) -> Tensor:
    """What is at least `threshold` (0 to 255) becomes its negative."""
    return torch.where(images >= threshold, 255 - images, images)


def _posterized(images: Tensor, bits: Tensor) -> Tensor:
    """Only the highest `bits` bits stay."""
    kept = 256 - torch.exp2(8 - bits)
    return images & kept.to(torch.uint8)


def _auto_contrasted(images: Tensor, _: Tensor) -> Tensor:
    """Each channel stretched from its least and greatest value to 0 and 255."""
    low, high = images.amin((2, 3), True).float(), images.amax((2, 3), True).float()
    low, high = torch.where(low == high, 0, low), torch.where(low == high, 255, high)
    return ((images - low) * (255 / (high - low))).round_().to(torch.uint8)


def _equalized(images: Tensor, _: Tensor) -> Tensor:
    """Each channel's levels spread so that all are about as frequent, as Pillow does it.

    That leaves pictures of fewer than 256 pixels as they are.
    """
    levels = images.flatten(2).long()
    counts = levels.new_zeros(*levels.shape[:2], 256)
    counts.scatter_add_(2, levels, torch.ones_like(levels))
    greatest = levels.amax(2, keepdim=True)
    step = (levels.shape[2] - counts.gather(2, greatest)) // 255
    before = counts.cumsum(2) - counts
    table = ((before + step // 2) // step.clamp(min=1)).clamp_(max=255)
    table = torch.where(step == 0, torch.arange(256, device=images.device), table)
    return table.to(torch.uint8).gather(2, levels).view(images.shape)


def _smoothed(images: Tensor) -> Tensor:
    """The mean of each place's neighbourhood, its middle five times; the border stays."""
    result = images.clone()
    if min(images.shape[2:]) > 2:
        rows = images[:, :, :-2] + images[:, :, 1:-1] + images[:, :, 2:]
        square = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
        middle = images[:, :, 1:-1, 1:-1]
        result[:, :, 1:-1, 1:-1] = square.add_(middle, alpha=4).div_(13).round_()
    return result


def _still(strength: Tensor) -> tuple[Tensor, Tensor]:
    """The matrix (N, 2, 2) and offset (N, 2) that leave every place where it is."""
    one = torch.eye(2, device=strength.device).repeat(len(strength), 1, 1)
    return one, strength.new_zeros(len(strength), 2)


def _rotated(degrees: Tensor, _size: int) -> tuple[Tensor, Tensor]:
    return turn(degrees.deg2rad()), degrees.new_zeros(len(degrees), 2)


def _sheared(axis: int) -> Callable[[Tensor, int], tuple[Tensor, Tensor]]:
    """Slants along `axis` (0 = x, 1 = y) about the upper left corner, as the papers did."""

    def place(slope: Tensor, size: int) -> tuple[Tensor, Tensor]:
        matrix, offset = _still(slope)
        matrix[:, axis, 1 - axis] = slope
        offset[:, axis] = slope * size / 2
        return matrix, offset

    return place


def _translated(axis: int) -> Callable[[Tensor, int], tuple[Tensor, Tensor]]:
    def place(pixels: Tensor, _size: int) -> tuple[Tensor, Tensor]:
        matrix, offset = _still(pixels)
        offset[:, axis] = -pixels
        return matrix, offset

    return place


_TABLES: Mapping[Kind, Callable[[Tensor, Tensor], Tensor]] = {
    "identity": lambda images, _: images,
    "auto_contrast": _auto_contrasted,
    "equalize": _equalized,
    "solarize": _solarized,
    "posterize": _posterized,
}
"""What gives each level of a picture another one."""

_BASES: Mapping[Kind, Callable[[Tensor], Tensor]] = {
    "brightness": lambda images: images.new_zeros(()),
    "contrast": lambda images: grey(images).mean((1, 2, 3), keepdim=True).round_(),
    "colour": lambda images: grey(images).round_(),
    "sharpness": _smoothed,
}
"""What a strength of 0 leaves of a picture; 1 is the picture, and more goes beyond it."""

_PLACES: Mapping[Kind, Callable[[Tensor, int], tuple[Tensor, Tensor]]] = {
    "rotate": _rotated,
    "shear_x": _sheared(0),
    "shear_y": _sheared(1),
    "translate_x": _translated(0),
    "translate_y": _translated(1),
}
"""Where each place of the result comes from: matrix and offset for `warped`."""
