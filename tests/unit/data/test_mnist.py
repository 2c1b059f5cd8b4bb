"""MNIST and its successors in small: read, found, downloaded, verified, refused."""

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cnn_cli.data import mnist as module
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.download import md5_of
from cnn_cli.data.idx import content_md5, read_idx
from cnn_cli.data.mnist import MNIST, fashion_mnist, kmnist, mnist
from cnn_cli.data.mnist_files import STEMS, TEST, TRAIN
from cnn_cli.data.selection import ALL
from cnn_cli.errors import UserError


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def pixels(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def write_copy(folder: Path, packed: bool = False, **changed: bytes) -> Path:
    """80 training and 20 test pictures; `changed` replaces "images" or "labels" of the training."""
    folder.mkdir(parents=True)
    contents = {
        TRAIN[0]: changed.get("images", idx(pixels(80, 0))),
        TRAIN[1]: changed.get("labels", idx(np.arange(80) % 10)),
        TEST[0]: idx(pixels(20, 1)),
        TEST[1]: idx(np.arange(20) % 10),
    }
    for stem, content in contents.items():
        name, data = (f"{stem}.gz", gzip.compress(content)) if packed else (stem, content)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of .gz files that pass for the original ones; also the only address."""
    folder = write_copy(tmp_path / "official", packed=True)
    origin = replace(
        MNIST,
        urls=((tmp_path / "gone").as_uri(), folder.as_uri()),
        packed={stem: md5_of(folder / f"{stem}.gz") for stem in STEMS},
        content={stem: content_md5(folder / f"{stem}.gz") for stem in STEMS},
    )
    monkeypatch.setattr(module, "MNIST", origin)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return folder


def load(root: Path, *, verify: bool = True, url: str | None = None) -> Dataset:
    form = Preprocessing(channels=1, size=28)
    return mnist(form, root=str(root), url=url, verify=verify, val_fraction=0.25, selection=ALL)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("inside", ["MNIST/raw", "."])
def test_a_copy_is_read_plain_or_packed(
    official: Path, tmp_path: Path, packed: bool, inside: str
) -> None:
    root = tmp_path / "here"
    write_copy(root / inside, packed)
    data = load(root)
    assert data.notes == ()
    assert data.classes == tuple("0123456789")
    assert [len(part) for part in (data.train, data.val, data.test)] == [60, 20, 20]
    for part in (data.train, data.val):
        batch = part.take(torch.arange(len(part)))
        places = [int(name.removeprefix("train/")) for name in part.names]
        assert np.array_equal(batch.images[:, 0].numpy(), pixels(80, 0)[places])
        assert batch.labels.tolist() == [place % 10 for place in places]
    test = data.test.take(torch.arange(20))
    assert np.array_equal(test.images[:, 0].numpy(), pixels(20, 1))


def test_what_is_missing_is_downloaded_once(official: Path, tmp_path: Path) -> None:
    root = tmp_path / "new"
    first = load(root)
    assert sorted(path.name for path in (root / "MNIST/raw").iterdir()) == sorted(
        f"{stem}.gz" for stem in STEMS
    )
    for path in official.iterdir():
        path.unlink()
    assert load(root).fingerprint == first.fingerprint


def test_the_same_data_packed_by_others_is_the_original(official: Path, tmp_path: Path) -> None:
    folder = write_copy(tmp_path / "here/MNIST/raw")
    for stem in STEMS:
        content = (folder / stem).read_bytes()
        (folder / stem).unlink()
        (folder / f"{stem}.gz").write_bytes(gzip.compress(content, 1, mtime=5))
    assert load(tmp_path / "here").notes == ()


def test_other_bytes_are_refused_or_noted(official: Path, tmp_path: Path) -> None:
    root = tmp_path / "other"
    write_copy(root / "MNIST/raw", labels=idx(np.arange(80) % 5))
    with pytest.raises(UserError, match=r"other bytes .*train-labels.*verify=false accepts"):
        load(root)
    write_copy(tmp_path / "mine/MNIST/raw", images=idx(pixels(80, 7)))
    (note,) = load(tmp_path / "mine", verify=False).notes
    assert "1 of 4 files" in note


def test_wrong_copies_elsewhere_are_passed_over(official: Path, tmp_path: Path) -> None:
    write_copy(tmp_path / "data/MNIST/raw", images=idx(pixels(80, 7)))
    right = write_copy(tmp_path / "home/data/MNIST/raw")
    (note,) = load(tmp_path / "root").notes
    assert note == f"MNIST was found in {right}"
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"images": b"\x89PNG" + b"0" * 100}, "no IDX file"),
        ({"images": idx(pixels(80, 0))[:-1]}, "does not hold the 62,720 bytes"),
        ({"images": idx(pixels(80, 0)) + b"0"}, "does not hold the 62,720 bytes"),
        ({"images": struct.pack(">BBBB3I", 0, 0, 8, 3, 1 << 31, 28, 28)}, "claims to hold"),
        ({"images": idx(np.arange(80))}, "no bytes in 3 dimensions"),
        ({"images": idx(pixels(79, 0))}, "different numbers of pictures"),
        ({"images": gzip.compress(idx(pixels(80, 0)))[:500]}, "damaged gzip file"),
        ({"labels": idx(np.arange(80))}, r"labels outside 0 \.\. 9"),
        ({"labels": idx(np.arange(80) % 9)}, r"has too little of 9 \(0 pictures\)"),
        ({"labels": idx(np.minimum(np.arange(80), 9))}, r"has too little of 0 \(1 picture\), 1"),
    ],
)
def test_damaged_files_are_refused_by_name(
    tmp_path: Path, changed: dict[str, bytes], told: str
) -> None:
    write_copy(tmp_path / "MNIST/raw", **changed)
    with pytest.raises(UserError, match=rf"dataset\.root: .*{told}"):
        load(tmp_path, verify=False)


def test_without_network_it_is_said_which_files_go_where(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"put train-images-idx3-ubyte\.gz, .* into .*MNIST/raw"):
        load(tmp_path / "none", url=(tmp_path / "gone").as_uri())


def test_damaged_content_has_no_md5(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(pixels(80, 0)))[:-12])
    assert content_md5(tmp_path / "a.gz") == ""
    with pytest.raises(ValueError, match="damaged gzip"):
        read_idx(tmp_path / "a.gz", 3)


def test_the_successors_have_folders_and_classes_of_their_own(tmp_path: Path) -> None:
    form = Preprocessing(channels=1, size=28)
    for make, folder, first in (
        (fashion_mnist, "FashionMNIST/raw", "T-shirt/top"),
        (kmnist, "KMNIST/raw", "o"),
    ):
        write_copy(tmp_path / folder)
        data = make(
            form, root=str(tmp_path), url=None, verify=False, val_fraction=0.0, selection=ALL
        )
        assert data.classes[0] == first
        assert len(data.classes) == 10
        assert len(data.train) == 80
