"""Generated shapes: seeded, balanced, drawn right, and told apart by a simple method."""

import math

import pytest
import torch

from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.selection import ALL
from cnn_cli.data.shapes import CHUNK, CLASSES, draw, shapes
from cnn_cli.errors import UserError


def load(count: int = 80, channels: int = 3, size: int = 16, seed: int = 0) -> Dataset:
    return shapes(
        Preprocessing(channels, size),
        count=count,
        generator_seed=seed,
        noise=0.1,
        val_fraction=0.1,
        test_fraction=0.2,
        selection=ALL,
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [1, 8, 33])
def test_any_form_is_drawn_directly(channels: int, size: int) -> None:
    images = load(channels=channels, size=size).train.take(torch.arange(9)).images
    assert images.shape == (9, channels, size, size)
    assert images.dtype == torch.uint8


def test_the_parts_are_balanced_and_add_up() -> None:
    data = load(count=160)
    assert [len(part) for part in (data.train, data.val, data.test)] == [115, 13, 32]
    for part in (data.train, data.test):
        counts = torch.bincount(part.labels, minlength=len(CLASSES))
        assert counts.max() - counts.min() <= 1


def test_a_seed_fixes_the_pictures() -> None:
    assert load().fingerprint == load().fingerprint
    assert load().fingerprint != load(seed=1).fingerprint


def test_a_picture_does_not_depend_on_how_many_there_are() -> None:
    few, many = draw(10, 3, 8, 0.1, 0), draw(CHUNK + 20, 3, 8, 0.1, 0)
    assert torch.equal(few.images, many.images[:10])
    assert torch.equal(few.labels, many.labels[:10])


def test_areas_are_those_of_the_shapes() -> None:
    """Without noise a picture is background plus cover times contrast: the cover's share of the
    circle about the shape is known for each of them."""
    area = {
        "circle": math.pi * 0.9**2,
        "ring": math.pi * (0.95**2 - 0.55**2),
        "square": 1.4**2,
        "triangle": 0.75 * math.sqrt(3) * 0.92**2,
        "cross": 2 * 0.5 * 1.9 - 0.5**2,
        "stripes": 3 * 0.28 * 1.4,
        "checks": 2 * 0.7**2,
        "diamond": 2 * 0.6 * 0.95,
    }
    raw = draw(800, 1, 64, 0.0, 0)
    back = raw.images[:, :, 0, 0].double()[..., None, None]
    contrast = (raw.images.double() - back).abs().amax((1, 2, 3))
    covered = ((raw.images.double() - back).abs().sum((1, 2, 3)) / contrast) / 64**2
    radius_squared = (0.25**2 + 0.25 * 0.42 + 0.42**2) / 3  # of one spread evenly over the range
    for label, name in enumerate(CLASSES):
        mean = covered[raw.labels == label].mean().item()
        assert mean == pytest.approx(area[name] * radius_squared, rel=0.12), name


def test_no_shape_is_cut_off_and_all_stand_out() -> None:
    raw = draw(200, 1, 48, 0.0, 0)
    apart = (raw.images[:, 0].double() - raw.images[:, 0, :1, :1].double()).abs()
    contrast = apart.amax((1, 2))
    border = torch.cat([apart[:, 0], apart[:, -1], apart[:, :, 0], apart[:, :, -1]], 1)
    assert contrast.min() >= 0.29 * 255
    assert (border.sum(1) / contrast).max() < 2  # an edge may touch it, by less than two pixels


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(UserError, match=r"dataset.count: 23 .* at least 24"):
        load(count=23)


def test_the_fewest_pictures_are_split_whatever_the_fractions() -> None:
    data = shapes(
        Preprocessing(1, 8),
        count=24,
        generator_seed=0,
        noise=0,
        val_fraction=0.99,
        test_fraction=0.99,
        selection=ALL,
    )
    assert [len(part) for part in (data.train, data.val, data.test)] == [8, 8, 8]
