"""Test-time augmentation: the mean over views, of known views."""

import pytest
import torch
from torch import nn

from cnn_cli.engine.views import Views


class Corner(nn.Module):
    """Gives what stands in the upper left corner, a number for each channel."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[..., 0, 0].float()


PICTURE = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]).view(1, 1, 3, 3)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("kind", [torch.float32, torch.uint8])
@pytest.mark.parametrize(
    ("tta", "mirrored", "expected"),
    [
        ("flip", True, (1 + 3) / 2),
        ("shift", False, 0.5 * 1 + 0.25 * (1 + 5)),
        ("shift", True, 0.5 * (1 + 3) / 2 + 0.25 * ((1 + 2) / 2 + (5 + 6) / 2)),
    ],
)
def test_the_mean_of_the_views(tta, mirrored, expected, kind, memory):
    images = PICTURE.to(kind).repeat(2, 3, 1, 1).contiguous(memory_format=memory)
    found = Views(Corner(), tta, mirrored=mirrored)(images)
    torch.testing.assert_close(found, torch.full((2, 3), expected))


def test_the_memory_format_stays(monkeypatch):
    seen = []

    class Noting(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images.is_contiguous(memory_format=torch.channels_last))
            return images.mean((2, 3))

    images = torch.rand(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    Views(Noting(), "shift", mirrored=True)(images)
    assert seen == [True] * 6
