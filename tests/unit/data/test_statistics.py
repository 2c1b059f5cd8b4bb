"""Mean and spread against numpy's."""

import numpy as np
import pytest
import torch

from cnn_cli.data.contract import Preprocessing
from cnn_cli.data.resident import Resident
from cnn_cli.data.statistics import LEAST_STD, SAMPLE, measure
from cnn_cli.errors import UserError

FORM = Preprocessing(channels=3, size=4)


def split(n: int, channels: int = 3) -> Resident:
    pixels = np.random.default_rng(0).normal(120, 40, (n, channels, 4, 4)).clip(0, 255)
    images = torch.from_numpy(pixels.astype(np.uint8))
    return Resident(images, torch.zeros(n, dtype=torch.int64), ["a"] * n)


def test_small_sets_are_measured_whole_and_exactly() -> None:
    data = split(300)
    pixels = data.take(torch.arange(300)).images.double().numpy() / 255
    mean, std = measure(data, FORM)
    np.testing.assert_allclose(mean, pixels.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, pixels.std((0, 2, 3)), rtol=1e-9)


def test_large_sets_are_measured_on_a_fixed_sample() -> None:
    data = split(SAMPLE + 1000, channels=1)
    first = measure(data, Preprocessing(1, 4))
    torch.manual_seed(5)
    assert measure(data, Preprocessing(1, 4)) == first
    pixels = data.take(torch.arange(len(data))).images.double().numpy() / 255
    assert first[0][0] != pixels.mean()
    assert first[0][0] == pytest.approx(pixels.mean(), abs=2e-3)


def test_what_is_stated_is_kept() -> None:
    stated = Preprocessing(3, 4, mean=(0.1, 0.2, 0.3))
    mean, std = measure(split(10), stated)
    assert mean == (0.1, 0.2, 0.3)
    assert std == measure(split(10), FORM)[1]


def test_one_colour_gives_no_division_by_zero() -> None:
    flat = Resident(torch.full((5, 1, 4, 4), 51, dtype=torch.uint8), torch.arange(5), ["a"] * 5)
    assert measure(flat, Preprocessing(1, 4)) == ((0.2,), (LEAST_STD,))


def test_no_pictures_cannot_be_measured() -> None:
    with pytest.raises(UserError, match=r"dataset.mean: there are no training pictures"):
        measure(split(0), FORM)
