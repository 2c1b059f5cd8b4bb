"""EMNIST in small: its sets, found plain or packed, upright."""

import gzip
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from cnn_cli.data import emnist as module
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.emnist import CLASSES, emnist
from cnn_cli.data.selection import ALL
from cnn_cli.errors import UserError


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def pixels(part: str, count: int) -> np.ndarray:
    return np.random.default_rng(len(part)).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def contents(split: str, first: int = 0) -> dict[str, bytes]:
    """File -> bytes of a set with two pictures a class in either part."""
    count = 2 * len(CLASSES[split])
    labels = np.arange(count) % len(CLASSES[split]) + first
    found = {}
    for part in ("train", "test"):
        found[f"emnist-{split}-{part}-images-idx3-ubyte"] = idx(pixels(part, count))
        found[f"emnist-{split}-{part}-labels-idx1-ubyte"] = idx(labels)
    return found


def load(root: Path, split: str, *, verify: bool = False) -> Dataset:
    return emnist(
        Preprocessing(channels=1, size=28),
        root=str(root),
        url=None,
        verify=verify,
        split=split,  # type: ignore[arg-type]
        val_fraction=0.0,
        selection=ALL,
    )


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("gzip/emnist-mnist-other.gz", b"x")
        for name, content in files.items():
            packed.writestr(f"../gzip/{name}.gz", gzip.compress(content))


@pytest.mark.parametrize(("split", "classes"), [("byclass", 62), ("bymerge", 47), ("letters", 26)])
def test_the_sets_have_their_classes(split: str, classes: int) -> None:
    assert len(CLASSES[split]) == len(set(CLASSES[split])) == classes


def test_the_merged_classes_are_those_of_the_paper() -> None:
    assert CLASSES["balanced"] == "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"


def test_pictures_are_turned_upright_and_letters_count_from_one(tmp_path: Path) -> None:
    folder = tmp_path / "EMNIST/raw"
    folder.mkdir(parents=True)
    for name, content in contents("letters", first=1).items():
        (folder / name).write_bytes(content)
    test = load(tmp_path, "letters").test
    batch = test.take(torch.arange(52))
    assert np.array_equal(batch.images[:, 0].numpy(), pixels("test", 52).transpose(0, 2, 1))
    assert batch.labels.tolist() == [index % 26 for index in range(52)]


@pytest.mark.parametrize("place", ["", "EMNIST/raw"])
def test_the_wanted_files_are_taken_out_of_the_archive(tmp_path: Path, place: str) -> None:
    root = tmp_path / "root"
    write_zip(root / place / "gzip.zip", contents("digits"))
    assert len(load(root, "digits").test) == 20
    there = sorted(path.name for path in (root / "EMNIST/raw").glob("*.gz"))
    assert there == sorted(f"{name}.gz" for name in contents("digits"))
    assert not list(tmp_path.glob("gzip"))


def test_an_archive_with_other_bytes_is_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "root/gzip.zip", contents("digits"))
    with pytest.raises(UserError, match=r"is not the original archive \(md5 58c8d27c"):
        load(tmp_path / "root", "digits", verify=True)


def test_a_damaged_archive_and_one_of_giants_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_zip(tmp_path / "root/gzip.zip", contents("digits"))
    monkeypatch.setattr("cnn_cli.data.archived.LARGEST", 10)
    with pytest.raises(UserError, match=r"no archive of EMNIST: its emnist-.* would take"):
        load(tmp_path / "root", "digits")
    (tmp_path / "root/gzip.zip").write_bytes(b"PK no zip")
    with pytest.raises(UserError, match="is no archive of EMNIST"):
        load(tmp_path / "root", "digits")


def test_without_a_network_it_says_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EMNIST", module.replace(module.EMNIST, urls=("file:///no/net",)))
    with pytest.raises(UserError, match=r"there is no EMNIST in .*put gzip.zip \(md5 58c8d27c"):
        load(tmp_path / "root", "mnist")
