from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_cli.augmentation.geometry import HorizontalFlip, PaddedCrop, Rotation
from cnn_cli.data.contract import Fill

FORMATS = [torch.contiguous_format, torch.channels_last]
FILLS: list[Fill] = ["reflect", "zero", "edge"]
NUMPYS = {"reflect": "reflect", "zero": "constant", "edge": "edge"}
GRIDS = {"reflect": "reflection", "zero": "zeros", "edge": "border"}


def pictures(
    n: int = 6, channels: int = 3, size: int = 7, memory_format: torch.memory_format = FORMATS[0]
) -> Tensor:
    numbers = torch.Generator().manual_seed(1)
    shape = (n, channels, size, size)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=numbers)
    return images.contiguous(memory_format=memory_format)


def targets(n: int = 6) -> Tensor:
    return F.one_hot(torch.arange(n) % 3, 3).float()


def numbers(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("padding", [1, 4, 6])
@pytest.mark.parametrize("fill", FILLS)
def test_crop_is_numpys_padding_and_a_slice_of_each_picture(
    fill: Fill, padding: int, channels: int, memory_format: torch.memory_format
) -> None:
    images = pictures(channels=channels, memory_format=memory_format)
    kept = images.clone()
    op = PaddedCrop(padding, fill)
    params = op.draw(numbers(), 6, 7)
    params[0], params[1] = torch.tensor([0, 2 * padding]), torch.tensor([2 * padding, 0])
    out, _ = op.apply(images, targets(), params)
    for image, cropped, (top, left) in zip(images, out, params.tolist(), strict=True):
        sides = [(0, 0), (padding, padding), (padding, padding)]
        padded = np.pad(image.numpy(), sides, mode=NUMPYS[fill])  # type: ignore[call-overload]
        expected = padded[:, top : top + 7, left : left + 7]
        assert np.array_equal(cropped.numpy(), expected)
    assert torch.equal(images, kept)


def test_crop_keeps_pictures_that_are_not_square_and_floats() -> None:
    images = torch.rand(2, 3, 5, 9)
    out, _ = PaddedCrop(2, "zero").apply(images, targets(2), torch.tensor([[2, 2], [0, 0]]))
    assert torch.equal(out[0], images[0])
    assert torch.equal(out[1, :, 2:, 2:], images[1, :, :-2, :-2])
    assert not out[1, :, :2].any()


def test_crop_draws_every_corner() -> None:
    params = PaddedCrop(2, "zero").draw(numbers(), 2000, 32)
    assert params.shape == (2000, 2)
    assert {tuple(row) for row in params.tolist()} == set(product(range(5), repeat=2))


@pytest.mark.parametrize(("padding", "size", "most"), [(4, 4, 3), (9, 8, 7)])
def test_a_picture_too_small_to_reflect_is_refused(padding: int, size: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"use at most {most}, or fill=zero or edge"):
        PaddedCrop(padding, "reflect").draw(numbers(), 2, size)
    PaddedCrop(padding, "zero").draw(numbers(), 2, size)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("channels", [1, 3])
def test_flip_mirrors_the_chosen_pictures_exactly(
    channels: int, memory_format: torch.memory_format
) -> None:
    images = pictures(channels=channels, memory_format=memory_format)
    kept = images.clone()
    params = torch.tensor([[True], [False], [True], [True], [False], [False]])
    out, _ = HorizontalFlip(True, 0.5).apply(images, targets(), params)
    for image, flipped, (mirrored,) in zip(images, out, params.tolist(), strict=True):
        expected = image.numpy()[:, :, ::-1] if mirrored else image.numpy()
        assert np.array_equal(flipped.numpy(), expected)
    assert torch.equal(images, kept)


@pytest.mark.parametrize("probability", [0.1, 0.5, 1.0])
def test_flip_is_drawn_with_its_probability(probability: float) -> None:
    params = HorizontalFlip(True, probability).draw(numbers(), 4000, 32)
    assert params.shape == (4000, 1)
    assert params.float().mean().item() == pytest.approx(probability, abs=0.03)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("fill", FILLS)
def test_rotation_is_an_affine_grid_of_each_picture(
    fill: Fill, memory_format: torch.memory_format
) -> None:
    images = (pictures() / 255).contiguous(memory_format=memory_format)
    kept = images.clone()
    op = Rotation(40.0, fill)
    params = op.draw(numbers(), 6, 7)
    out, _ = op.apply(images, targets(), params)
    for image, turned, (degrees,) in zip(images, out, params.tolist(), strict=True):
        angle = np.deg2rad(degrees)
        theta = torch.tensor(
            [[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0]]
        ).float()
        grid = F.affine_grid(theta[None], [1, 3, 7, 7], align_corners=False)
        expected = F.grid_sample(image[None], grid, padding_mode=GRIDS[fill], align_corners=False)
        torch.testing.assert_close(turned, expected[0])
    assert torch.equal(images, kept)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("turns", [-2, -1, 0, 1, 2])
def test_right_angles_turn_counter_clockwise_without_loss(turns: int, fill: Fill) -> None:
    images = torch.rand(2, 3, 8, 8)
    out, _ = Rotation(180.0, fill).apply(images, targets(2), torch.full((2, 1), 90.0 * turns))
    expected = torch.rot90(images, turns, dims=(2, 3))
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=0)


def test_rotation_turns_pictures_that_are_not_square_without_skewing_them() -> None:
    images = torch.zeros(1, 1, 9, 15)
    images[0, 0, 4, 4:11] = 1  # a bar of 7 pixels across the centre
    out, _ = Rotation(90.0, "zero").apply(images, targets(1), torch.tensor([[90.0]]))
    torch.testing.assert_close(out[0, 0, 1:8, 7], torch.ones(7), atol=1e-4, rtol=0)
    assert out.sum().item() == pytest.approx(7, abs=1e-2)


def test_angles_fill_the_range() -> None:
    angles = Rotation(15.0, "edge").draw(numbers(), 4000, 32)
    assert angles.shape == (4000, 1)
    assert -15 <= angles.min() < -14
    assert 14 < angles.max() <= 15
    assert abs(angles.mean()) < 1


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize(
    "op", [HorizontalFlip(True, 0.5), Rotation(10.0, "edge")], ids=["flip", "rotation"]
)
def test_the_memory_format_stays(
    op: HorizontalFlip | Rotation, memory_format: torch.memory_format
) -> None:
    images = (pictures() / 255).contiguous(memory_format=memory_format)
    out, _ = op.apply(images, targets(), op.draw(numbers(), 6, 7))
    assert out.is_contiguous(memory_format=memory_format)


def test_crop_gives_channels_last() -> None:
    images = pictures(memory_format=torch.channels_last)
    out, _ = PaddedCrop(1, "reflect").apply(images, targets(), torch.ones(6, 2, dtype=torch.int64))
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(out, images)


def test_targets_pass_untouched_and_settings_of_nothing_are_inactive() -> None:
    for op in (PaddedCrop(1, "zero"), HorizontalFlip(True, 0.5), Rotation(5.0, "zero")):
        images = pictures() if op.pixels_only else pictures() / 255
        _, out = op.apply(images, targets(), op.draw(numbers(), 6, 7))
        assert torch.equal(out, targets())
        assert op.active
    off = PaddedCrop(0, "zero"), HorizontalFlip(False, 0.5), HorizontalFlip(True, 0.0)
    assert not any(op.active for op in (*off, Rotation(0.0, "zero")))
