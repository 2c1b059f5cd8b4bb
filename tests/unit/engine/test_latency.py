"""Latency is of single pictures, sorted out into a median and a 95th percentile."""

import time

import pytest
import torch
from torch import Tensor, nn

from cnn_cli.device import Device
from cnn_cli.engine.latency import FEWEST, MOST, latency


class Slow(nn.Module):
    """Takes a while, and every tenth time longer."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.shapes.append(tuple(images.shape))
        assert images.dtype == torch.uint8
        time.sleep(0.05 if len(self.shapes) % 10 == 0 else 0.01)
        return images.float().mean((2, 3))


def test_single_pictures_are_timed_and_outliers_are_in_the_percentile() -> None:
    model = Slow().eval()
    device = Device(torch.device("cpu"), "fp32", True, False, 1, 0)
    found = latency(model, device, 3, 8)
    assert set(model.shapes) == {(1, 3, 8, 8)}
    assert FEWEST <= found["runs"] <= MOST
    assert 10 <= found["median"] < 50 <= found["p95"]


def test_a_model_in_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="evaluation mode"):
        latency(Slow(), Device(torch.device("cpu"), "fp32", True, False, 1, 0), 3, 8)
