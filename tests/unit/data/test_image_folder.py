"""Folders of pictures: every layout read, every problem said in words."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnn_cli.data import from_files
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.image_folder import image_folder
from cnn_cli.data.plan import Plan
from cnn_cli.data.resident import Resident
from cnn_cli.data.selection import ALL, Selection
from cnn_cli.errors import UserError

ROOT = Path("pictures")


def fill(folder: str, count: int, name: str = "{}.png") -> None:
    """`count` different pictures in ROOT/folder."""
    place = ROOT / folder
    place.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        seed = sum(f"{folder}/{index}".encode())
        pixels = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / name.format(index))


def load(root: Path = ROOT, **changed: object) -> Dataset:
    settings: dict[str, object] = {
        "root": str(root),
        "val_fraction": 0.25,
        "test_fraction": 0.25,
        "selection": ALL,
        "resident_mb": 1,
        "workers": 0,
    }
    return image_folder(Preprocessing(channels=3, size=4), **(settings | changed))


def sizes(data: Dataset) -> list[int]:
    return [len(part) for part in (data.train, data.val, data.test)]


def problems(**changed: object) -> tuple[str, ...]:
    with pytest.raises(UserError) as caught:
        load(**changed)
    return caught.value.problems


@pytest.mark.parametrize("val", ["val", "valid", "validation", "Validation"])
def test_part_folders_are_the_parts(val: str) -> None:
    for part, count in (("train", 4), (val, 2), ("test", 1)):
        for name in ("dog", "cat"):
            fill(f"{part}/{name}", count)
    data = load()
    assert data.classes == ("cat", "dog")
    assert sizes(data) == [8, 4, 2]
    assert list(data.test.names) == ["test/cat/0.png", "test/dog/0.png"]
    assert data.test.labels.tolist() == [0, 1]
    assert data.notes == ()


def test_class_folders_alone_are_split() -> None:
    fill("cat", 16)
    fill("dog", 32)
    data = load()
    assert sizes(data) == [27, 9, 12]
    names = [*data.train.names, *data.val.names, *data.test.names]
    assert len(set(names)) == 48
    assert torch.bincount(data.test.labels).tolist() == [4, 8]
    assert data.notes == ("test: 12 pictures cut from train", "val: 9 pictures cut from train")


def test_only_a_missing_part_is_cut_from_train() -> None:
    for name in ("cat", "dog"):
        fill(f"train/{name}", 8)
        fill(f"test/{name}", 1)
    data = load()
    assert sizes(data) == [12, 4, 2]
    assert data.notes == ("val: 4 pictures cut from train",)


def test_parts_can_be_left_empty() -> None:
    fill("cat", 1)
    fill("dog", 1)
    assert sizes(load(val_fraction=0, test_fraction=0)) == [2, 0, 0]


@pytest.mark.parametrize("folder", ["", "test/"])
def test_pictures_can_be_for_the_test_only(folder: str) -> None:
    fill(f"{folder}cat", 3)
    fill(f"{folder}dog", 2)
    data = load(test_fraction=1.0)
    assert sizes(data) == [0, 0, 5]
    assert data.classes == ("cat", "dog")


def test_classes_are_matched_by_name_never_by_position() -> None:
    for name in ("ant", "bee", "cat"):
        fill(f"train/{name}", 4)
    fill("test/cat", 1)
    fill("val/bee", 1)
    data = load()
    assert data.test.labels.tolist() == [2]
    assert data.val.labels.tolist() == [1]
    assert data.notes == ("val has no pictures of ant, cat", "test has no pictures of ant, bee")


def test_pictures_may_lie_deeper_and_be_of_any_kind() -> None:
    fill("cat/2020/may", 2, "{}.JPG")
    fill("cat", 2, "{}.webp")
    fill("dog", 2, "{}.gif")
    fill("dog", 2, "{}.tiff")
    assert sizes(load(val_fraction=0, test_fraction=0)) == [8, 0, 0]


def test_a_home_folder_is_understood() -> None:
    fill("cat", 3)
    fill("dog", 3)
    ROOT.rename(Path.home() / "mine")
    assert sizes(load(Path("~/mine"))) == [2, 2, 2]


@pytest.mark.parametrize("workers", [0, 2])
def test_both_ways_of_reading_give_the_same_batches(workers: int) -> None:
    fill("cat", 7)
    fill("dog", 9)
    memory = load(workers=workers)
    files = load(resident_mb=0, workers=workers)
    assert isinstance(memory.train, Resident)
    assert not isinstance(files.train, Resident)
    assert memory.fingerprint == files.fingerprint
    plans = {"train": Plan(len(memory.train), 4, epochs=2, seed=1)}
    for part in ("train", "val", "test"):
        ours, theirs = getattr(memory, part), getattr(files, part)
        assert list(ours.names) == list(theirs.names)
        plan = plans.get(part, Plan(len(ours), 3, shuffle=False))
        for a, b in zip(ours.batches(plan), theirs.batches(plan), strict=True):
            assert a.step == b.step
            assert torch.equal(a.labels, b.labels)
            assert torch.equal(a.images, b.images)


def test_the_limit_in_memory_counts_all_parts() -> None:
    fill("cat", 2)
    fill("dog", 2)
    form = Preprocessing(channels=3, size=300)  # 270,000 bytes a picture, 1.08 MB in all
    settings = {"root": str(ROOT), "selection": ALL, "workers": 0}
    for megabytes, resident in ((1, False), (2, True)):
        data = image_folder(
            form, val_fraction=0, test_fraction=0, resident_mb=megabytes, **settings
        )
        assert isinstance(data.train, Resident) is resident


def test_the_fingerprint_tells_data_apart_but_not_places() -> None:
    fill("cat", 3)
    fill("dog", 3)
    first = load().fingerprint
    ROOT.rename("moved")
    assert load(Path("moved")).fingerprint == first
    Image.new("RGB", (50, 50), "red").save("moved/cat/0.png")
    assert load(Path("moved")).fingerprint != first


def test_a_limit_is_taken_of_each_part() -> None:
    fill("cat", 16)
    fill("dog", 32)
    data = load(selection=Selection(limit=3))
    assert sizes(data) == [3, 3, 3]
    assert data.notes[-1].startswith("dataset.limit=3 takes 3 of 27 train, 3 of 9 val")


def test_one_class_only() -> None:
    fill("cat", 9)
    assert problems() == (
        (
            "dataset.root: pictures has one class only (cat); "
            "a classifier needs two or more class folders"
        ),
    )


def test_one_class_can_be_evaluated() -> None:
    fill("test/cat", 2)
    assert sizes(load()) == [0, 0, 2]


def test_a_class_of_one_picture_is_named_with_what_would_do() -> None:
    fill("cat", 5)
    fill("dog", 1)
    fill("eel", 2)
    assert problems() == (
        (
            "dataset.root: pictures has too few pictures of dog (1 picture), eel (2 pictures) for "
            "train, test and val; add some (3 at least), give the parts as folders, or go without "
            "by dataset.test_fraction=0 dataset.val_fraction=0"
        ),
    )


def test_three_pictures_of_a_class_are_enough() -> None:
    fill("cat", 3)
    fill("dog", 50)
    data = load(test_fraction=0.9)
    assert all(0 in part.labels for part in (data.train, data.val, data.test))


def test_all_unreadable_files_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fill("cat", 90)
    fill("dog", 90)
    for index in (3, 70, 80):
        (ROOT / "cat" / f"{index}.png").write_bytes(b"no picture")
    (ROOT / "dog" / "broken.png").symlink_to("nowhere")
    monkeypatch.setattr(from_files, "SHOWN", 3)
    found = problems(val_fraction=0, test_fraction=0)
    assert found[0] == ("dataset.root: 4 of 181 pictures cannot be read; repair or remove them")
    assert len(found) == 4
    assert found[1] == "pictures/cat/3.png: not a picture that Pillow can read"


def test_many_pictures_are_read_behind_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill("cat", 4)
    fill("dog", 4)
    monkeypatch.setattr(from_files, "SLOW", 8)
    assert sizes(load()) == [4, 2, 2]
    assert capsys.readouterr().err == "reading 8 pictures\n"
