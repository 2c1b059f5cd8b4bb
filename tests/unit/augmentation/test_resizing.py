"""Pictures that are small in the first part of training."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_cli.augmentation.geometry import HorizontalFlip
from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.augmentation.resizing import Downscale

HALF = Downscale(0.5)


def pictures(n: int = 6, size: int = 16) -> Tensor:
    numbers = torch.Generator().manual_seed(2)
    images = torch.randint(256, (n, 3, size, size), dtype=torch.uint8, generator=numbers)
    return images.contiguous(memory_format=torch.channels_last)


def shrunk(augmentation: Augmentation, progress: float) -> Tensor:
    labels = torch.zeros(6, dtype=torch.int64)
    images, _ = augmentation(pictures(), labels, 0, cropped=False, progress=progress)
    return images


def test_bytes_become_what_floats_become_to_rounding() -> None:
    images, labels = pictures(), torch.zeros(6)
    small, _ = HALF.apply(images, labels, HALF.draw(torch.Generator(), 6, 16))
    floats = F.interpolate(images.double(), (8, 8), mode="bilinear", antialias=True)
    assert small.dtype == torch.uint8
    assert small.is_contiguous(memory_format=torch.channels_last)
    assert (small.double() - floats).abs().max() <= 1
    same, _ = HALF.apply(images / 255, labels, torch.empty(6, 0))
    torch.testing.assert_close(same.double(), floats / 255, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("share", "side"), [(0.75, 12), (0.7, 11), (0.01, 1)])
def test_the_side_is_rounded_and_never_empty(share: float, side: int) -> None:
    assert Downscale(share).side(16) == side


def test_a_whole_share_is_off() -> None:
    assert not Downscale(1.0).active


def test_it_ends_where_it_is_told_to() -> None:
    augmentation = Augmentation({"downscale": HALF}, 0, {"downscale": 0.5})
    assert shrunk(augmentation, 0.49).shape[-1] == 8
    assert torch.equal(shrunk(augmentation, 0.5), pictures())


def test_all_sides_of_a_training_are_known_before_it() -> None:
    ops = {"first": HALF, "flip": HorizontalFlip(True, 0.5), "second": Downscale(0.5)}
    augmentation = Augmentation(ops, 0, {"first": 0.25, "second": 0.75})
    assert augmentation.sides(16) == [4, 8, 16]
    assert Augmentation({"always": HALF}, 0).sides(16) == [8]
    assert Augmentation({}, 0).sides(16) == [16]


def test_work_is_counted_in_pixels() -> None:
    augmentation = Augmentation({"downscale": HALF}, 0, {"downscale": 0.5})
    assert augmentation.pixels(0.0) == 0.25
    assert augmentation.pixels(0.5) == 1
    assert augmentation.pixels_ahead(0.0) == pytest.approx(0.5 * 0.25 + 0.5)
    assert augmentation.pixels_ahead(0.25) == pytest.approx((0.25 * 0.25 + 0.5) / 0.75)
    assert augmentation.pixels_ahead(0.8) == 1


def test_at_full_size_all_else_stays() -> None:
    flip = HorizontalFlip(True, 0.5)
    both = Augmentation({"flip": flip, "downscale": HALF}, 3, {"downscale": 0.5})
    only = Augmentation({"flip": flip}, 3)
    assert torch.equal(shrunk(both.at_full_size(), 0.0), shrunk(only, 0.0))
