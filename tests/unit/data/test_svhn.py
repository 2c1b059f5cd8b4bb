"""SVHN in small: pictures and labels of the MATLAB files, found, verified, downloaded, refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import savemat

from cnn_cli.data import svhn as module
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.download import md5_of
from cnn_cli.data.selection import ALL
from cnn_cli.data.svhn import svhn
from cnn_cli.errors import UserError

COUNT = 20
PARTS = ("train", "test", "extra")


def pixels(part: str) -> np.ndarray:
    source = np.random.default_rng(PARTS.index(part))
    return source.integers(0, 256, (COUNT, 3, 32, 32), dtype=np.uint8)


def content(part: str) -> dict[str, Any]:
    labels = (np.arange(COUNT) % 10 + 1).astype(np.uint8)[:, None]
    return {"X": pixels(part).transpose(2, 3, 1, 0), "y": labels}


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files that pass for the original ones; no address to load them from."""
    folder = tmp_path / "official"
    folder.mkdir()
    for part in PARTS:
        savemat(folder / f"{part}_32x32.mat", content(part))
    monkeypatch.setattr(module, "MD5", {path.name: md5_of(path) for path in folder.iterdir()})
    monkeypatch.setattr(module, "URL", (tmp_path / "no/network").as_uri())
    return folder


def load(
    root: Path, *, extra: bool = False, verify: bool = True, url: str | None = None
) -> Dataset:
    return svhn(
        Preprocessing(channels=3, size=32),
        root=str(root),
        url=url,
        verify=verify,
        extra=extra,
        val_fraction=0.0,
        selection=ALL,
    )


def test_pictures_and_labels_are_those_of_the_files_and_ten_is_zero(copy: Path) -> None:
    data = load(copy)
    batch = data.test.take(torch.arange(COUNT))
    assert np.array_equal(batch.images.numpy(), pixels("test"))
    assert batch.labels.tolist() == [(index + 1) % 10 for index in range(COUNT)]
    assert data.notes == ()


def test_the_extra_pictures_come_after_the_training_ones(copy: Path) -> None:
    train = load(copy, extra=True).train
    assert len(train) == 2 * COUNT
    found = train.take(torch.arange(2 * COUNT)).images.numpy()
    assert np.array_equal(found, np.concatenate([pixels("train"), pixels("extra")]))


def test_absent_files_are_downloaded_from_an_address_of_ones_own(
    copy: Path, tmp_path: Path
) -> None:
    assert len(load(tmp_path / "new", url=copy.as_uri()).test) == COUNT
    assert sorted(path.name for path in (tmp_path / "new").glob("*.mat")) == [
        "test_32x32.mat",
        "train_32x32.mat",
    ]


def test_a_copy_in_another_usual_place_is_noted(copy: Path, tmp_path: Path) -> None:
    there = Path("~/data/svhn").expanduser()
    there.parent.mkdir(parents=True)
    copy.rename(there)
    notes = load(tmp_path / "root").notes
    assert notes == tuple(
        f"{part}_32x32.mat was found in {there.resolve()}" for part in ("train", "test")
    )


def test_other_bytes_are_refused_unless_accepted(copy: Path) -> None:
    savemat(copy / "test_32x32.mat", content("train"))
    with pytest.raises(UserError, match=r"test_32x32.mat has other bytes than the original one"):
        load(copy)
    assert "has other bytes" in load(copy, verify=False).notes[0]


def test_without_a_network_it_says_what_to_put_where(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no train_32x32.mat in .*put the file \(md5"):
        load(tmp_path / "root")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"X": np.zeros((32, 32, 3, COUNT))}, "no pictures of 32x32 RGB bytes in X"),
        ({"X": np.zeros((16, 32, 3, COUNT), np.uint8)}, "no pictures of 32x32 RGB bytes in X"),
        ({"X": np.zeros((32, 32, 3), np.uint8)}, "not one label for each picture"),
        ({"y": np.ones((3, 1), np.uint8)}, "not one label for each picture"),
        ({"y": np.full((COUNT, 1), 11, np.uint8)}, r"labels outside 1 .. 10"),
        ({"y": np.full((COUNT, 1), 0.5)}, "no whole numbers in y"),
    ],
)
def test_a_file_that_does_not_fit_is_named(
    copy: Path, changed: dict[str, Any], message: str
) -> None:
    savemat(copy / "train_32x32.mat", content("train") | changed)
    with pytest.raises(UserError, match=message):
        load(copy, verify=False)


def test_a_damaged_file_is_named(copy: Path) -> None:
    path = copy / "train_32x32.mat"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(UserError, match=r"train_32x32.mat (is no MATLAB file|cannot be read)"):
        load(copy, verify=False)
