"""STL-10 in small: upright pictures, classes from 0, what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.selection import ALL
from cnn_cli.data.stl10 import stl10
from cnn_cli.errors import UserError

COUNT = 8


def pixels(part: str) -> np.ndarray:
    return np.random.default_rng(len(part)).integers(0, 256, (COUNT, 3, 96, 96), dtype=np.uint8)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    for part in ("train", "test"):
        pixels(part).transpose(0, 1, 3, 2).tofile(folder / f"{part}_X.bin")
        (np.arange(COUNT) % 2 + 1).astype(np.uint8).tofile(folder / f"{part}_y.bin")
    (folder / "class_names.txt").write_text("airplane\nbird\n")
    return folder


def load(root: Path) -> Dataset:
    form = Preprocessing(channels=3, size=96)
    return stl10(form, root=str(root), url=None, verify=False, val_fraction=0.25, selection=ALL)


def test_pictures_stand_upright_and_classes_count_from_zero(copy: Path) -> None:
    data = load(copy.parent)
    assert data.classes == ("airplane", "bird")
    assert [len(part) for part in (data.train, data.val, data.test)] == [6, 2, 8]
    batch = data.test.take(torch.arange(COUNT))
    assert np.array_equal(batch.images.numpy(), pixels("test"))
    assert batch.labels.tolist() == [0, 1] * 4


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train_X.bin", b"\1" * 100, "not one picture of 96x96 RGB bytes for each of the 8 labels"),
        ("test_y.bin", bytes(COUNT), "test_y.bin has labels outside 1 .. 2"),
        ("test_y.bin", bytes([3] * COUNT), "test_y.bin has labels outside 1 .. 2"),
        ("train_y.bin", bytes([1] * COUNT), r"too little of bird \(0 pictures\)"),
        ("class_names.txt", b"", "has no names of classes"),
    ],
)
def test_what_does_not_fit_is_named(copy: Path, name: str, content: bytes, message: str) -> None:
    (copy / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load(copy.parent)
