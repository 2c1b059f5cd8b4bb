"""Pictures decoded once: the same ones at the next start, new ones when a file changes."""

import multiprocessing
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cnn_cli import files
from cnn_cli.data import cache, decoding, from_files
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.decoding import Decoded
from cnn_cli.data.image_folder import image_folder
from cnn_cli.data.plan import Plan
from cnn_cli.data.resident import Resident
from cnn_cli.data.selection import ALL
from cnn_cli.errors import UserError

FORM = Preprocessing(3, 8, "crop", (0.5,) * 3, (0.25,) * 3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for name in ("bright", "dark"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(20):
            pixels = draw.integers(0, 256, (10, 12, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number}.png")
    return tmp_path / "pictures"


def load(
    root: Path, *, keep: bool = True, resident_mb: int = 0, form: Preprocessing = FORM
) -> Dataset:
    return image_folder(
        form, root=str(root), val_fraction=0.2, test_fraction=0.2, selection=ALL,
        resident_mb=resident_mb, workers=0, cache=keep,
    )  # fmt: skip


def arrays() -> list[Path]:
    return sorted((Path.home() / cache.FOLDER).glob("*.npy"))


def refuse(*_: Any) -> Any:
    raise AssertionError("a picture is decoded again")


@pytest.mark.parametrize(("resident_mb", "kind"), [(0, cache.Mapped), (10, Resident)])
def test_the_next_start_decodes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, resident_mb: int, kind: type
) -> None:
    plain = load(root, keep=False)
    load(root, resident_mb=resident_mb)
    monkeypatch.setattr(decoding, "read_image", refuse)
    again = load(root, resident_mb=resident_mb)
    assert again.fingerprint == plain.fingerprint
    assert type(again.train) is kind
    monkeypatch.undo()
    for part in ("train", "val", "test"):
        one, other = getattr(plain, part), getattr(again, part)
        plan = Plan(len(one), 5, shuffle=False)
        assert list(one.names) == list(other.names)
        for expected, found in zip(one.batches(plan), other.batches(plan), strict=True):
            assert torch.equal(expected.images, found.images)
            assert found.images.is_contiguous(memory_format=torch.channels_last)
            assert torch.equal(expected.labels, found.labels)


def test_a_changed_file_another_size_and_another_set_are_other_arrays(root: Path) -> None:
    load(root)
    assert len(arrays()) == 1
    load(root, form=Preprocessing(3, 9, "crop", FORM.mean, FORM.std))
    load(root, form=Preprocessing(1, 8, "crop", (0.5,), (0.25,)))
    assert len(arrays()) == 3
    file = root / "dark" / "3.png"
    before = load(root).train
    Image.new("RGB", (12, 10), "red").save(file)
    os.utime(file, (1, 1))
    after = load(root)
    assert len(arrays()) == 3  # the old one of these files is of no use any more
    whole = [after.train, after.val, after.test]
    reds = [s.take(torch.tensor([i])).images.float().mean((0, 2, 3)).tolist()
            for s in whole for i, name in enumerate(s.names) if name == "dark/3.png"]  # fmt: skip
    assert reds == [[255.0, 0.0, 0.0]]
    assert len(before) == len(after.train)


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY\x01\x00", b"half of a picture"])
def test_a_damaged_array_is_made_anew(root: Path, damage: bytes) -> None:
    expected = load(root).train.take(torch.arange(5)).images.clone()
    arrays()[0].write_bytes(damage)
    assert torch.equal(load(root).train.take(torch.arange(5)).images, expected)


def test_what_is_done_with_pictures_leaves_the_array_as_it_is(root: Path) -> None:
    images = load(root).train.take(torch.arange(4)).images
    images.zero_()
    assert load(root).train.take(torch.arange(4)).images.float().mean() > 50


def test_a_full_disk_is_told_and_leaves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(UserError, match=r"dataset.cache=true: cannot write .*no space left"):
        load(root)
    assert not arrays()
    assert not list((Path.home() / cache.FOLDER).glob(".*.tmp"))


def test_a_picture_that_cannot_be_read_leaves_nothing(root: Path) -> None:
    (root / "dark" / "5.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"1 of 40 pictures cannot be read"):
        load(root)
    assert not arrays()
    assert not list((Path.home() / cache.FOLDER).glob(".*.tmp"))


def test_another_split_finds_the_same_array(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fold(number: int) -> Dataset:
        return image_folder(
            FORM, root=str(root), val_fraction=0.3, test_fraction=0.2,
            selection=replace(ALL, folds=3, fold=number), resident_mb=0, workers=0, cache=True,
        )  # fmt: skip

    load(root)
    plain, pictures = load(root, keep=False), {}
    for split in (plain.train, plain.val, plain.test):
        pictures |= dict(zip(split.names, split.take(torch.arange(len(split))).images, strict=True))
    monkeypatch.setattr(decoding, "read_image", refuse)
    for number in (1, 2, 3):
        found = fold(number)
        for split in (found.train, found.val, found.test):
            images = split.take(torch.arange(len(split))).images
            for name, image in zip(split.names, images, strict=True):
                assert torch.equal(image, pictures[name])
    assert len(arrays()) == 1


def test_a_folder_that_cannot_be_written_is_told_with_the_key(root: Path) -> None:
    folder = Path.home() / cache.FOLDER
    folder.parent.mkdir(parents=True)
    folder.write_text("in its place")
    with pytest.raises(UserError, match=r"^dataset\.cache=true: cannot write to .*pictures"):
        load(root)


def test_an_array_is_used_where_nothing_can_be_written(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = load(root).train.take(torch.arange(9)).images
    monkeypatch.setattr(from_files, "locked", refuse)
    assert torch.equal(load(root).train.take(torch.arange(9)).images, images)


def counted(root: Path, counts: "multiprocessing.queues.Queue[int]") -> None:
    read, found = decoding.read_image, []
    decoding.read_image = lambda *given: found.append(1) or read(*given)  # type: ignore[func-returns-value]
    load(root)
    counts.put(len(found))


def test_two_first_starts_at_once_decode_each_picture_once(root: Path) -> None:
    context = multiprocessing.get_context("fork")
    counts = context.Queue()
    both = [context.Process(target=counted, args=(root, counts)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert sorted(counts.get() for _ in both) == [0, 40]
    assert len(arrays()) == 1


def test_what_a_killed_process_was_writing_is_cleared(root: Path) -> None:
    folder = Path.home() / cache.FOLDER
    folder.mkdir(parents=True)
    old = folder / f".abc.npy.{2**22 + 1}.tmp"
    old.write_bytes(b"half")
    assert files.LEFTOVER.fullmatch(old.name)
    load(root)
    assert not old.exists()


def test_mapped_pictures_arrive_on_a_device_batch_by_batch(root: Path) -> None:
    train = load(root).train
    moved = train.to(torch.device("meta"))
    (batch,) = moved.batches(Plan(len(train), len(train), shuffle=False))
    assert batch.images.device.type == batch.labels.device.type == "meta"
    assert isinstance(train, cache.Mapped)
    assert not isinstance(load(root, keep=False).train, Resident)
    assert isinstance(load(root, keep=False).train, Decoded)
