import pytest
import torch
from torch import nn

from cnn_cli.models.classifier import Classifier, Normalize

MEAN, STD = (0.2, 0.5, 0.7), (0.1, 0.25, 0.4)


def reference(images: torch.Tensor) -> torch.Tensor:
    return torch.stack(
        [(images[:, c].double() - MEAN[c]) / STD[c] for c in range(3)], dim=1
    ).float()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_normalises_each_channel_and_keeps_the_memory_format(
    memory_format: torch.memory_format,
) -> None:
    images = torch.rand(4, 3, 6, 6).contiguous(memory_format=memory_format)
    kept = images.clone()
    out = Normalize(MEAN, STD)(images)
    torch.testing.assert_close(out, reference(images))
    assert out.is_contiguous(memory_format=memory_format)
    assert torch.equal(images, kept)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_bytes_give_what_their_floats_give(memory_format: torch.memory_format) -> None:
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).repeat(2, 3, 1, 1)
    pixels = pixels.contiguous(memory_format=memory_format)
    kept = pixels.clone()
    normalize = Normalize(MEAN, STD)
    out = normalize(pixels)
    torch.testing.assert_close(out, normalize(pixels / 255), rtol=1e-5, atol=1e-6)
    assert out.is_contiguous(memory_format=memory_format)
    assert torch.equal(pixels, kept)


def test_the_gradient_of_the_picture_passes() -> None:
    images = torch.rand(1, 3, 2, 2, requires_grad=True)
    Normalize(MEAN, STD)(images).sum().backward()
    assert images.grad is not None
    expected = (1 / torch.tensor(STD)).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    torch.testing.assert_close(images.grad, expected)


def test_the_statistics_travel_with_the_state_and_are_not_trained() -> None:
    model = Classifier(Normalize(MEAN, STD), nn.Flatten())
    other = Classifier(Normalize((0.0,) * 3, (1.0,) * 3), nn.Flatten())
    other.load_state_dict(model.state_dict())
    images = torch.rand(2, 3, 4, 4)
    assert torch.equal(model(images), other(images))
    torch.testing.assert_close(model(images), reference(images).flatten(1))
    assert not list(model.parameters())


def test_wrong_statistics_are_refused() -> None:
    with pytest.raises(ValueError, match="3 channels and std 1"):
        Normalize(MEAN, (1.0,))
    with pytest.raises(ValueError, match="above 0"):
        Normalize((0.5,), (0.0,))
