"""Affine and resized crop against torchvision and closed forms, picture by picture."""

import math

import pytest
import torch
from torch import Tensor

from cnn_cli.augmentation.geometry import Affine, ResizedCrop, Rotation

FORMATS = [torch.contiguous_format, torch.channels_last]


def pictures(n: int = 6, size: int = 9) -> Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(1))


def targets(n: int = 6) -> Tensor:
    return torch.eye(3).repeat(n // 3 + 1, 1)[:n]


def affine(**options: float | tuple[float, float]) -> Affine:
    settings = {"degrees": 0.0, "shear": 0.0, "scale": (1.0, 1.0), "translate": 0.0}
    return Affine(**(settings | options), fill="zero")  # type: ignore[arg-type]


@pytest.mark.parametrize("memory_format", FORMATS)
def test_affine_is_torchvisions_of_each_picture(memory_format: torch.memory_format) -> None:
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2.functional import affine as one

    images = pictures().contiguous(memory_format=memory_format)
    kept = images.clone()
    op = affine(degrees=40.0, scale=(0.7, 1.4), translate=0.2)
    params = op.draw(torch.Generator().manual_seed(0), 6, 9)
    out, same = op.apply(images, targets(), params)
    for image, moved, (angle, _, scale, right, down) in zip(
        images, out, params.tolist(), strict=True
    ):
        expected = one(
            image[None],
            angle=-angle,  # torchvision turns clockwise
            translate=[right * 9, down * 9],
            scale=scale,
            shear=[0.0, 0.0],
            interpolation=InterpolationMode.BILINEAR,
        )
        torch.testing.assert_close(moved, expected[0], atol=1e-4, rtol=0)
    assert torch.equal(images, kept)
    assert torch.equal(same, targets())
    assert out.is_contiguous(memory_format=memory_format)


def test_affine_with_an_angle_alone_is_the_rotation() -> None:
    params = torch.tensor([[25.0, 0, 1, 0, 0]])
    out, _ = affine(degrees=30.0).apply(pictures(1), targets(1), params)
    turned, _ = Rotation(30.0, "zero").apply(pictures(1), targets(1), torch.tensor([[25.0]]))
    torch.testing.assert_close(out, turned)


def test_shear_slants_a_column_about_the_centre() -> None:
    images = torch.zeros(1, 1, 9, 9)
    images[0, 0, :, 4] = 1
    params = torch.tensor([[0.0, 45.0, 1, 0, 0]])
    out, _ = affine(shear=45.0).apply(images, targets(1), params)
    torch.testing.assert_close(out[0, 0], torch.eye(9), atol=1e-4, rtol=0)


def test_affine_shifts_to_the_right_and_down() -> None:
    images = pictures(1, 10)
    out, _ = affine(translate=0.5).apply(images, targets(1), torch.tensor([[0, 0, 1, 0.2, 0.3]]))
    torch.testing.assert_close(out[..., 3:, 2:], images[..., :-3, :-2], atol=1e-4, rtol=0)
    assert out[..., :3, :].abs().max() < 1e-4


def test_affine_draws_its_whole_ranges() -> None:
    op = affine(degrees=20.0, shear=10.0, scale=(0.5, 2.0), translate=0.1)
    params = op.draw(torch.Generator().manual_seed(0), 4000, 9)
    lows = torch.tensor([-20, -10, 0.5, -0.1, -0.1])
    highs = torch.tensor([20, 10, 2.0, 0.1, 0.1])
    assert (params >= lows).all()
    assert (params <= highs).all()
    spread = (highs - lows) / 50
    assert (params.amin(0) < lows + spread).all()
    assert (params.amax(0) > highs - spread).all()


@pytest.mark.parametrize("memory_format", FORMATS)
def test_a_resized_crop_shows_the_part_enlarged(memory_format: torch.memory_format) -> None:
    """A ramp stays a ramp: what stands at each place follows from the box alone."""
    ramp = torch.arange(12.0) + 0.5
    images = torch.stack([ramp.expand(12, 12), ramp.expand(12, 12).T])[None].repeat(2, 1, 1, 1)
    images = images.contiguous(memory_format=memory_format)
    params = torch.tensor([[1.0, -2.0, 6.0, 3.0], [0.0, 0.0, 12.0, 12.0]])
    out, _ = ResizedCrop((0.1, 1.0), (0.5, 2.0)).apply(images, targets(2), params)
    torch.testing.assert_close(out[1], images[1])
    across = 6 + 1 + (ramp - 6) * 6 / 12
    down = 6 - 2 + (ramp - 6) * 3 / 12
    torch.testing.assert_close(out[0, 0], across.expand(12, 12))
    torch.testing.assert_close(out[0, 1], down.expand(12, 12).T)
    assert out.is_contiguous(memory_format=memory_format)


def test_a_resized_crop_draws_boxes_inside_of_the_area_and_aspect_asked_for() -> None:
    op = ResizedCrop((0.2, 0.5), (0.5, 2.0))
    right, below, width, height = op.draw(torch.Generator().manual_seed(0), 4000, 20).unbind(1)
    area, aspect = width * height / 400, width / height
    assert (area.min().item(), area.max().item()) == pytest.approx((0.2, 0.5), abs=0.01)
    assert aspect.log().abs().max().item() == pytest.approx(math.log(2), abs=0.01)
    for centre, side in ((right, width), (below, height)):
        assert (centre.abs() + side / 2).max() <= 10 + 1e-4
        assert (centre.abs() + side / 2).max() > 9.9


def test_ranges_must_rise() -> None:
    with pytest.raises(ValueError, match=r"scale: .*must rise"):
        affine(scale=(2.0, 1.0))
    with pytest.raises(ValueError, match=r"ratio: .*must rise"):
        ResizedCrop((0.5, 1.0), (2.0, 1.0))


def test_settings_of_nothing_are_inactive() -> None:
    assert not affine().active
    assert affine(scale=(0.9, 1.0)).active
    assert not ResizedCrop((1, 1), (1, 1)).active
    assert ResizedCrop((0.5, 1), (1, 1)).active
