import math

import pytest
import torch
from torch import Tensor

from cnn_cli.augmentation.erasing import RandomErasing, pasted


def pictures(n: int = 40, size: int = 16) -> Tensor:
    shape = (n, 3, size, size)
    numbers = torch.Generator().manual_seed(1)
    return torch.randint(256, shape, dtype=torch.uint8, generator=numbers)


@pytest.mark.parametrize("as_bytes", [True, False])
def test_a_rectangle_has_the_mean_colour_and_the_rest_stays(as_bytes: bool) -> None:
    images = pictures() if as_bytes else pictures() / 255
    kept = images.clone()
    op = RandomErasing(0.5, (0.1, 0.4), (0.5, 2.0))
    params = op.draw(torch.Generator().manual_seed(0), 40, 16)
    out, targets = op.apply(images, torch.eye(40), params)
    erased = 0
    for image, changed, (top, left, bottom, right) in zip(
        images, out, params.tolist(), strict=True
    ):
        expected = image.clone()
        for channel in range(3):
            mean = image[channel].float().mean().to(image.dtype)
            expected[channel, top:bottom, left:right] = mean
        torch.testing.assert_close(changed, expected)
        erased += bottom > top
    assert 10 < erased < 30
    assert torch.equal(images, kept)
    assert torch.equal(targets, torch.eye(40))


def test_boxes_lie_inside_and_have_about_the_area_and_aspect_asked_for() -> None:
    op = RandomErasing(1.0, (0.1, 0.3), (0.5, 2.0))
    top, left, bottom, right = op.draw(torch.Generator().manual_seed(0), 4000, 64).unbind(1)
    assert min(top.min(), left.min()) == 0
    assert max(bottom.max(), right.max()) == 64
    height, width = bottom - top, right - left
    area = height * width / 64**2
    assert (area.min().item(), area.max().item()) == pytest.approx((0.1, 0.3), abs=0.01)
    assert (height / width).log().abs().max().item() == pytest.approx(math.log(2), abs=0.1)


def test_each_corner_of_a_small_picture_can_be_erased() -> None:
    op = RandomErasing(1.0, (0.02, 0.2), (0.3, 3.3))
    boxes = op.draw(torch.Generator().manual_seed(0), 500, 3)
    hit = pasted(torch.zeros(500, 1, 3, 3), torch.ones(500, 1, 1, 1), boxes)
    assert hit.mean(0).min() > 0.02
    assert hit.flatten(1).any(1).all()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_pasting_keeps_the_memory_format(memory_format: torch.memory_format) -> None:
    images = pictures(2).contiguous(memory_format=memory_format)
    out = pasted(images, images.flip(0), torch.tensor([[1, 2, 5, 9], [0, 0, 0, 0]]))
    expected = images.clone()
    expected[0, :, 1:5, 2:9] = images[1, :, 1:5, 2:9]
    assert torch.equal(out, expected)
    assert out.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize(
    ("name", "options"), [("scale", ((0.3, 0.1), (1, 1))), ("ratio", ((0.1, 0.3), (2, 1)))]
)
def test_ranges_must_rise(
    name: str, options: tuple[tuple[float, float], tuple[float, float]]
) -> None:
    with pytest.raises(ValueError, match=rf"{name}: .*must rise"):
        RandomErasing(0.5, *options)


def test_without_probability_it_is_inactive() -> None:
    assert not RandomErasing(0.0, (0.1, 0.3), (1, 1)).active
