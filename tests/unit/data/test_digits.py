"""The bundled digits: all of them, once, in parts that never change."""

import pytest
import torch
from sklearn.datasets import load_digits

from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.digits import digits
from cnn_cli.data.selection import Selection

FORM = Preprocessing(channels=1, size=8)


def load(val_fraction: float = 0.125, **other: int) -> Dataset:
    return digits(FORM, val_fraction=val_fraction, selection=Selection(limit=other.get("limit")))


def test_the_sizes_are_those_stated() -> None:
    data = load()
    assert [len(part) for part in (data.train, data.val, data.test)] == [1257, 180, 360]


def test_every_digit_is_in_exactly_one_part() -> None:
    data = load()
    names = [*data.train.names, *data.val.names, *data.test.names]
    assert sorted(names) == [f"digits/{index:04d}" for index in range(1797)]


def test_pixels_and_labels_are_scikit_learns() -> None:
    bunch = load_digits()
    data = load().test
    batch = data.take(torch.arange(len(data)))
    original = [int(name.split("/")[1]) for name in data.names]
    assert batch.labels.tolist() == bunch.target[original].tolist()
    levels = torch.from_numpy(bunch.images[original]) * 255 / 16
    assert (batch.images[:, 0] - levels).abs().max() <= 0.5
    assert batch.images.max() == 255


def test_the_test_part_does_not_depend_on_the_validation_part() -> None:
    assert load(0.5).test.names == load(0.0).test.names
    assert len(load(0.0).val) == 0
    assert len(load(0.0).train) == 1437


def test_every_class_has_its_share_of_the_test() -> None:
    counts = torch.bincount(load().test.labels)
    assert counts.min() >= 34
    assert counts.max() <= 37


def test_the_fingerprint_tells_parts_of_the_data_apart() -> None:
    assert load().fingerprint == load().fingerprint
    assert len({load().fingerprint, load(0.2).fingerprint, load(limit=50).fingerprint}) == 3


def test_a_limit_is_noted() -> None:
    data = load(limit=200)
    assert [len(part) for part in (data.train, data.val, data.test)] == [200, 180, 200]
    assert data.notes == ("dataset.limit=200 takes 200 of 1257 train, 200 of 360 test pictures",)


@pytest.mark.parametrize(("channels", "size"), [(3, 8), (1, 20), (3, 5)])
def test_any_form_can_be_asked_for(channels: int, size: int) -> None:
    data = digits(Preprocessing(channels, size), val_fraction=0.1, selection=Selection(limit=5))
    assert data.train.take(torch.arange(5)).images.shape == (5, channels, size, size)
