"""Every kind against torchvision or Pillow, picture by picture."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from cnn_cli.augmentation.policy_ops import Kind, apply_kind

One = Callable[[Tensor, float], Tensor]


def pictures(channels: int, n: int = 6, size: int = 24) -> Tensor:
    """Ramps with noise in part of the range, and one of a single level: all that kinds look at."""
    numbers = torch.Generator().manual_seed(channels)
    noise = torch.rand(n, channels, size, size, generator=numbers)
    ramp = torch.linspace(0, 1, size).view(1, 1, 1, -1)
    images = (20 + 120 * ramp + 90 * noise).to(torch.uint8)
    images[-1] = 77
    return images.contiguous(memory_format=torch.channels_last)


def reference(kind: Kind) -> One:
    """torchvision's own function of one uint8 picture (C, H, W) with bilinear interpolation."""
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2 import functional as tv

    bilinear = InterpolationMode.BILINEAR

    def affine(image: Tensor, **moves: Any) -> Tensor:
        still = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
        moved: Tensor = tv.affine(image, interpolation=bilinear, **(still | moves))
        return moved

    def slant(slope: float) -> float:
        return math.degrees(math.atan(slope))

    found: dict[Kind, One] = {
        "identity": lambda image, _: image,
        "auto_contrast": lambda image, _: tv.autocontrast(image),
        "equalize": lambda image, _: tv.equalize(image),
        "rotate": partial(tv.rotate, interpolation=bilinear),
        "solarize": tv.solarize,
        "colour": lambda image, s: tv.adjust_saturation(image, s) if len(image) == 3 else image,
        "posterize": lambda image, s: tv.posterize(image, int(s)),
        "contrast": tv.adjust_contrast,
        "brightness": tv.adjust_brightness,
        "sharpness": tv.adjust_sharpness,
        "shear_x": lambda image, s: affine(image, shear=[slant(s), 0.0], center=[0, 0]),
        "shear_y": lambda image, s: affine(image, shear=[0.0, slant(s)], center=[0, 0]),
        "translate_x": lambda image, s: affine(image, translate=[int(s), 0]),
        "translate_y": lambda image, s: affine(image, translate=[0, int(s)]),
    }
    return found[kind]


STRENGTHS: dict[Kind, list[float]] = {
    "rotate": [-135, -31.5, -1, 0, 20, 135],
    "solarize": [0, 50, 100.5, 128, 254, 255],
    "posterize": [1, 2, 3, 5, 7, 8],
    "shear_x": [-0.99, -0.3, 0, 0.1, 0.5, 0.99],
    "shear_y": [-0.99, -0.3, 0, 0.1, 0.5, 0.99],
    "translate_x": [-24, -5, 0, 1, 4, 24],
    "translate_y": [-24, -5, 0, 1, 4, 24],
}
FACTORS = [0.01, 0.3, 0.9, 1, 1.5, 1.99]
EXACT = {"identity", "equalize", "solarize", "posterize", "translate_x", "translate_y"}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_kind_is_torchvisions_within_one_level(kind: Kind, channels: int) -> None:
    """torchvision cuts off where we round, of a blend with grey both grey and blend: 2 levels."""
    images, strengths = pictures(channels), STRENGTHS.get(kind, FACTORS)
    kept = images.clone()
    out = apply_kind(kind, images, torch.tensor(strengths), "zero")
    one = reference(kind)
    expected = torch.stack([one(i, s) for i, s in zip(images, strengths, strict=True)])
    assert out.dtype == torch.uint8
    most = 0 if kind in EXACT else 2 if kind in ("contrast", "colour") else 1
    assert (out.int() - expected.int()).abs().max() <= most
    assert torch.equal(images, kept)
    if kind not in ("identity", "colour"):
        assert not torch.equal(out, images)


ENHANCERS: dict[Kind, str] = {
    "contrast": "Contrast", "brightness": "Brightness", "sharpness": "Sharpness", "colour": "Color",
}  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", [*ENHANCERS, "auto_contrast", "equalize"])
def test_tones_are_pillows_within_one_level(kind: Kind, channels: int) -> None:
    from PIL import Image, ImageEnhance, ImageOps

    images = pictures(channels)
    out = apply_kind(kind, images, torch.full((6,), 1.7), "zero")
    for picture, changed in zip(images, out, strict=True):
        plain = picture[0] if channels == 1 else picture.permute(1, 2, 0)
        image = Image.fromarray(plain.numpy())
        if kind == "auto_contrast":
            expected = ImageOps.autocontrast(image)
        elif kind == "equalize":
            expected = ImageOps.equalize(image)
        else:
            expected = getattr(ImageEnhance, ENHANCERS[kind])(image).enhance(1.7)
        ours = changed[0] if channels == 1 else changed.permute(1, 2, 0)
        apart = ours.int() - torch.tensor(list(expected.tobytes())).view(ours.shape)
        assert apart.abs().max() <= (0 if kind == "equalize" else 1)


@pytest.mark.parametrize(("fill", "beyond"), [("edge", 9), ("zero", 0), ("reflect", 9)])
def test_what_comes_in_at_the_border(fill: Any, beyond: int) -> None:
    images = torch.full((1, 1, 4, 4), 9, dtype=torch.uint8)
    out = apply_kind("translate_x", images, torch.tensor([2.0]), fill)
    assert out[0, 0].tolist() == [[beyond, beyond, 9, 9]] * 4


@pytest.mark.parametrize(("kind", "size"), [("sharpness", 2), ("equalize", 15)])
def test_pictures_too_small_for_a_kind_stay(kind: Kind, size: int) -> None:
    images = pictures(3, size=size)
    assert torch.equal(apply_kind(kind, images, torch.full((6,), 1.9), "zero"), images)
