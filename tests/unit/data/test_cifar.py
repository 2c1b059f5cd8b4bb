"""CIFAR in small: found, unpacked, downloaded, verified, refused."""

import io
import pickle
import tarfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cnn_cli.data import archived, cifar
from cnn_cli.data.cifar import CIFAR10, META, TEST, TRAIN, cifar10
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.download import md5_of
from cnn_cli.data.selection import ALL
from cnn_cli.errors import UserError

FOLDER, ARCHIVE = CIFAR10.folder, CIFAR10.name
CLASSES = [f"class{i}" for i in range(10)]


def pixels(name: str) -> np.ndarray:
    seed = [*TRAIN, TEST].index(name)
    return np.random.default_rng(seed).integers(0, 256, (20, 3072), dtype=np.uint8)


def write_copy(folder: Path, **changed: Any) -> Path:
    """The seven files, small: 20 pictures a batch; `changed` replaces the content of some."""
    folder.mkdir(parents=True)
    contents = {
        name: {"data": pixels(name), "labels": [i % 10 for i in range(20)]}
        for name in (*TRAIN, TEST)
    } | {META: {"label_names": CLASSES}}
    for name, content in contents.items():
        (folder / name).write_bytes(pickle.dumps(changed.get(name.split(".")[0], content)))
    return folder


def write_archive(path: Path, copy: Path, inside: str = FOLDER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        tar.add(copy, inside)
    return path


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy and its archive whose bytes pass for the original ones; no address to load it from."""
    copy = write_copy(tmp_path / "official" / FOLDER)
    archive = write_archive(tmp_path / "official" / ARCHIVE, copy)
    known = replace(
        CIFAR10,
        files={name: md5_of(copy / name) for name in CIFAR10.files},
        md5=md5_of(archive),
        size=archive.stat().st_size,
        urls=((tmp_path / "no" / "network").as_uri(),),
    )
    monkeypatch.setattr(cifar, "CIFAR10", known)
    return copy


def load(root: Path, *, verify: bool = True, url: str | None = None, val: float = 0.2) -> Dataset:
    form = Preprocessing(channels=3, size=32)
    return cifar10(form, root=str(root), url=url, verify=verify, val_fraction=val, selection=ALL)


def obtain(root: Path, url: str | None, verify: bool) -> tuple[Path, list[str]]:
    return archived.obtain(cifar.CIFAR10, root, url, verify)


def test_pictures_labels_and_names_are_those_of_the_files(official: Path) -> None:
    data = load(official)
    assert data.classes == tuple(CLASSES)
    assert [len(part) for part in (data.train, data.val, data.test)] == [80, 20, 20]
    whole = np.concatenate([pixels(name) for name in TRAIN]).reshape(-1, 3, 32, 32)
    for part in (data.train, data.val):
        batch = part.take(torch.arange(len(part)))
        places = [int(name.removeprefix("train/")) for name in part.names]
        assert np.array_equal(batch.images.numpy(), whole[places])
        assert batch.labels.tolist() == [place % 10 for place in places]
    test = data.test.take(torch.arange(20))
    assert np.array_equal(test.images.numpy(), pixels(TEST).reshape(-1, 3, 32, 32))
    assert data.test.names[-1] == "test/00019"
    assert data.notes == ()


def test_without_validation_all_is_for_training(official: Path) -> None:
    data = load(official, val=0.0)
    assert [len(part) for part in (data.train, data.val, data.test)] == [100, 0, 20]


@pytest.mark.parametrize("place", ["", FOLDER])
def test_a_copy_in_root_is_found(official: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "root").mkdir()
    official.rename(tmp_path / "root" / (place or "renamed"))
    root = tmp_path / "root" / ("" if place else "renamed")
    folder, notes = obtain(root, None, verify=True)
    assert folder == tmp_path / "root" / (place or "renamed")
    assert notes == []


@pytest.mark.parametrize("place", ["data", "~/data", "~/.cache/cnn-train", "~/.keras/datasets"])
def test_a_copy_in_another_usual_place_is_found_and_noted(
    official: Path, tmp_path: Path, place: str
) -> None:
    there = Path(place).expanduser()
    there.mkdir(parents=True)
    official.rename(there / FOLDER)
    folder, notes = obtain(tmp_path / "root", None, verify=True)
    assert folder.resolve() == (there / FOLDER).resolve()
    assert notes == [f"CIFAR-10 was found in {folder.resolve()}"]
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("place", ["root", "data"])
def test_an_archive_is_unpacked_to_root(official: Path, tmp_path: Path, place: str) -> None:
    root = tmp_path / "root"
    there = root if place == "root" else Path(place)
    there.mkdir()
    (official.parent / ARCHIVE).rename(there / ARCHIVE)
    folder, notes = obtain(root, None, verify=True)
    assert folder == root / FOLDER
    assert sorted(path.name for path in folder.iterdir()) == sorted(CIFAR10.files)
    assert notes == []
    assert not [path for path in root.iterdir() if path.name.startswith(".extract")]


def test_an_incomplete_folder_is_completed_from_the_archive(official: Path) -> None:
    (official / TEST).unlink()
    folder, _ = obtain(official.parent, None, verify=True)
    assert len(load(folder.parent).test) == 20


def test_an_absent_copy_is_downloaded(
    official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = official.parent / ARCHIVE
    urls = (Path("absent").resolve().as_uri(), archive.as_uri())
    monkeypatch.setattr(cifar, "CIFAR10", replace(cifar.CIFAR10, urls=urls))
    folder, notes = obtain(tmp_path / "new" / "root", None, verify=True)
    assert folder == tmp_path / "new" / "root" / FOLDER
    assert notes == []


def test_an_address_of_ones_own_replaces_the_known_ones(official: Path, tmp_path: Path) -> None:
    url = (official.parent / ARCHIVE).as_uri()
    assert len(load(tmp_path / "root", url=url).test) == 20


def test_several_processes_download_once(
    official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = (official.parent / ARCHIVE).as_uri()
    calls: list[object] = []
    real = archived.download

    def counted(*arguments: Any, **options: Any) -> None:
        calls.append(arguments)
        real(*arguments, **options)

    monkeypatch.setattr(archived, "download", counted)
    threads = [
        threading.Thread(target=obtain, args=(tmp_path / "root", url, True)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_absent_and_no_network_says_what_to_put_where(official: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    with pytest.raises(UserError) as caught:
        load(root)
    (problem,) = caught.value.problems
    assert problem.startswith(f"dataset.root: there is no CIFAR-10 in {root}")
    for part in (
        "could not be downloaded",
        ARCHIVE,
        cifar.CIFAR10.md5,
        FOLDER,
        "dataset.url",
    ):
        assert part in problem


def test_other_bytes_in_root_are_refused_unless_accepted(official: Path) -> None:
    root = Path("mine")
    write_copy(root / FOLDER, data_batch_3={"data": pixels(TEST), "labels": [0] * 20})
    with pytest.raises(UserError, match=r"\(data_batch_3\); dataset.verify=false accepts it"):
        load(root)
    data = load(root, verify=False)
    assert data.notes == (
        (
            f"dataset.verify=false: {root / FOLDER} has other bytes than the original CIFAR-10 "
            "(1 of 7 files)"
        ),
    )


def test_other_bytes_elsewhere_are_passed_over(official: Path, tmp_path: Path) -> None:
    write_copy(Path("data") / FOLDER, test_batch={"data": pixels(TEST), "labels": [0] * 20})
    url = (official.parent / ARCHIVE).as_uri()
    folder, _ = obtain(tmp_path / "root", url, verify=True)
    assert folder == tmp_path / "root" / FOLDER


def test_a_damaged_archive_in_root_is_named(official: Path) -> None:
    (official / TEST).unlink()
    archive = official.parent / ARCHIVE
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"is not the original archive .*delete it to download"):
        load(official.parent)
    with pytest.raises(UserError, match=r"is no archive of CIFAR-10"):
        load(official.parent, verify=False)


def test_an_archive_of_something_else_is_named(official: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    write_archive(tmp_path / "root" / ARCHIVE, tmp_path / "photos")
    with pytest.raises(UserError, match=r"is no archive of CIFAR-10"):
        load(tmp_path / "root", verify=False)


def test_an_archive_cannot_write_elsewhere_or_bring_links(official: Path, tmp_path: Path) -> None:
    archive = tmp_path / "root" / ARCHIVE
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        for name in CIFAR10.files:
            tar.add(official / name, f"../../{name}")
        link = tarfile.TarInfo(f"x/{TEST}")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo("../evil"), io.BytesIO())
    folder, _ = obtain(tmp_path / "root", None, verify=False)
    assert sorted(path.name for path in folder.iterdir()) == sorted(CIFAR10.files)
    assert not (folder / TEST).is_symlink()
    assert not any(
        (base / TEST).exists() for base in (tmp_path, tmp_path.parent, tmp_path / "root")
    )
    assert not list(tmp_path.rglob("evil"))


def test_an_archive_of_giants_is_refused(official: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (official / TEST).unlink()
    monkeypatch.setattr(archived, "LARGEST", 100)
    with pytest.raises(
        UserError, match=r"is no archive of CIFAR-10: its .* would take [\d,]+ bytes"
    ):
        load(official.parent)


def test_an_unwritable_root_is_named(official: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"dataset.root: cannot write to .*file"):
        load(tmp_path / "file" / "root")


class _Runs:
    def __reduce__(self):  # type: ignore[no-untyped-def]
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_Runs(), "cannot be read: it names"),
        ([1, 2], "is no file of CIFAR"),
        ({"labels": [0] * 20}, "no pictures of 32x32 RGB bytes"),
        ({"data": np.zeros((20, 3072)), "labels": [0] * 20}, "no pictures of 32x32 RGB bytes"),
        ({"data": np.zeros((20, 99), np.uint8), "labels": [0] * 20}, "no pictures of 32x32"),
        ({"data": pixels(TEST), "labels": [0] * 19}, "not one label for each picture"),
        ({"data": pixels(TEST), "labels": [10] * 20}, r"labels outside 0 .. 9"),
        ({"data": pixels(TEST), "labels": ["a"] * 20}, r"labels outside 0 .. 9"),
    ],
)
def test_a_batch_that_is_none_is_named(content: object, message: str) -> None:
    write_copy(Path("mine"), data_batch_2=content)
    with pytest.raises(UserError, match=rf"dataset.root: .*data_batch_2 .*{message}"):
        load(Path("mine"), verify=False)
    assert not Path("ran").exists()


def test_class_names_are_required() -> None:
    write_copy(Path("mine"), batches={"label_names": 10})
    with pytest.raises(UserError, match=r"batches.meta has no list of class names"):
        load(Path("mine"), verify=False)


def test_a_copy_without_some_class_cannot_be_trained_on() -> None:
    few = {name: {"data": pixels(TEST), "labels": [0, 1] * 10} for name in TRAIN}
    write_copy(Path("mine"), **few)
    with pytest.raises(UserError, match=r"too little of class2 \(0 pictures\), class3"):
        load(Path("mine"), verify=False)
