import pytest
import torch
from torch import Tensor

from cnn_cli.augmentation.colour import ColourJitter, grey

FORMATS = [torch.contiguous_format, torch.channels_last]


def pictures(channels: int = 3) -> Tensor:
    return torch.rand(6, channels, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("memory_format", FORMATS)
def test_jitter_is_torchvisions_of_each_picture(memory_format: torch.memory_format) -> None:
    from torchvision.transforms.v2 import functional as tv

    images = pictures().contiguous(memory_format=memory_format)
    kept = images.clone()
    op = ColourJitter(0.5, 0.6, 0.7)
    params = op.draw(torch.Generator().manual_seed(0), 6, 8)
    out, _ = op.apply(images, torch.eye(6), params)
    for image, changed, (brightness, contrast, saturation) in zip(
        images, out, params.tolist(), strict=True
    ):
        expected = tv.adjust_brightness(image, brightness)
        expected = tv.adjust_contrast(expected, contrast)
        expected = tv.adjust_saturation(expected, saturation)
        torch.testing.assert_close(changed, expected, atol=2e-4, rtol=0)
    assert torch.equal(images, kept)
    assert out.is_contiguous(memory_format=memory_format)


def test_factors_fill_their_ranges_and_are_never_negative() -> None:
    params = ColourJitter(0.4, 2.0, 0.0).draw(torch.Generator().manual_seed(0), 4000, 8)
    assert params.amin(0).tolist() == pytest.approx([0.6, 0.0, 1.0], abs=0.01)
    assert params.amax(0).tolist() == pytest.approx([1.4, 3.0, 1.0], abs=0.01)


def test_grey_pictures_keep_their_one_channel() -> None:
    out, _ = ColourJitter(0.0, 0.0, 1.0).apply(pictures(1), torch.eye(6), torch.full((6, 3), 0.5))
    half = pictures(1) * 0.5
    mean = half.mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(out, mean + (half - mean) * 0.5)
    assert torch.equal(grey(pictures(1)), pictures(1))


def test_jitter_of_nothing_is_inactive() -> None:
    assert not ColourJitter(0, 0, 0).active
    assert ColourJitter(0, 0, 0.1).active
