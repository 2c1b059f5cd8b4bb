"""Traits of pictures: as computed one by one, and measured without decoding anything twice."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from cnn_cli.data.plan import Plan
from cnn_cli.data.resident import Resident
from cnn_cli.report.traits import NAMES, Watched, measure, sizes


def pictures(n: int, channels: int, side: int = 9) -> torch.Tensor:
    generator = torch.Generator().manual_seed(n + channels)
    shape = (n, channels, side, side)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def by_hand(image: np.ndarray) -> list[float]:
    values = image.astype(np.float64) / 255
    grey = np.tensordot([0.299, 0.587, 0.114], values, 1) if len(values) == 3 else values[0]
    padded = np.pad(grey, 1, mode="edge")
    edges = np.empty_like(grey)
    for y in range(grey.shape[0]):
        for x in range(grey.shape[1]):
            around = (
                padded[y, x + 1] + padded[y + 2, x + 1] + padded[y + 1, x] + padded[y + 1, x + 2]
            )
            edges[y, x] = around - 4 * padded[y + 1, x + 1]
    return [grey.mean(), grey.std(), edges.std()]


@pytest.mark.parametrize("channels", [1, 3])
def test_every_trait_is_that_of_a_loop(channels: int) -> None:
    images = pictures(5, channels)
    expected = [by_hand(image) for image in images.numpy()]
    np.testing.assert_allclose(measure(images).numpy(), expected, rtol=1e-5)


def test_a_blurred_picture_is_less_sharp_and_as_bright() -> None:
    sharp = Image.fromarray(pictures(1, 1, 64)[0, 0].numpy())
    both = [np.asarray(sharp), np.asarray(sharp.filter(ImageFilter.GaussianBlur(2)))]
    found = measure(torch.from_numpy(np.stack(both))[:, None])
    assert found[1, NAMES.index("sharpness")] < 0.2 * found[0, NAMES.index("sharpness")]
    assert found[1, 0] == pytest.approx(float(found[0, 0]), rel=0.02)


def test_what_passes_by_is_measured_in_order_and_arrives_unchanged() -> None:
    images, labels = pictures(10, 3), torch.arange(10) % 2
    split = Resident(images, labels, [str(i) for i in range(10)])
    watched = Watched(split).to(torch.device("cpu"))
    passed = torch.cat([batch.images for batch in watched.batches(Plan(10, 4, shuffle=False))])
    assert torch.equal(passed, images)
    traits = watched.traits()
    assert list(traits) == list(NAMES)
    np.testing.assert_allclose(np.stack(list(traits.values()), 1), measure(images), rtol=1e-6)
    assert (len(watched), list(watched.names), watched.paths) == (10, list(split.names), None)
    assert torch.equal(watched.take(torch.tensor([3])).images, images[3:4])


def test_sizes_are_those_of_the_files_and_a_damaged_one_has_none(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    found = sizes([tmp_path / "a.png", tmp_path / "b.png"])
    assert found[0] == 30
    assert np.isnan(found[1])
