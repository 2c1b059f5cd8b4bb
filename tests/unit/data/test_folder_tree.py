"""Layouts of folders: every one understood, or refused in words that name the fix."""

import os
from pathlib import Path

import pytest

from cnn_cli.data.folder_tree import Tree, read_tree
from cnn_cli.errors import UserError

ROOT = Path("pictures")


def fill(folder: str, count: int) -> None:
    """`count` files in ROOT/folder, called pictures: only their names are looked at."""
    (ROOT / folder).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        (ROOT / folder / f"{index}.png").touch()


def sizes(tree: Tree) -> dict[str, int]:
    return {part: len(files.paths) for part, files in tree.parts.items()}


def problems() -> tuple[str, ...]:
    with pytest.raises(UserError) as caught:
        read_tree(ROOT)
    return caught.value.problems


def test_accents_are_one_name_however_they_are_written() -> None:
    fill("train/caf\u00e9", 2)
    fill("train/bar", 2)
    fill("test/cafe\u0301", 1)
    tree = read_tree(ROOT)
    assert tree.classes == ("bar", "caf\u00e9")
    assert tree.parts["test"].labels.tolist() == [1]


def test_hidden_and_other_files_are_left_out_and_counted() -> None:
    for name in ("cat", "dog", ".git", "__MACOSX"):
        fill(name, 3)
    fill("cat/.thumbs", 1)
    (ROOT / "cat" / "._0.png").write_text("x")
    (ROOT / "cat" / "list.txt").write_text("x")
    (ROOT / "readme.md").write_text("x")
    tree = read_tree(ROOT)
    assert tree.classes == ("cat", "dog")
    assert sizes(tree) == {"train": 6}
    assert tree.notes == ["files that are no pictures were left out: 1 .txt"]


def test_train_and_test_can_be_classes() -> None:
    for name in ("bus", "test", "train"):
        fill(name, 3)
    assert read_tree(ROOT).classes == ("bus", "test", "train")


def test_a_linked_class_folder_is_followed() -> None:
    fill("cat", 3)
    fill("../elsewhere/dog", 3)
    (ROOT / "dog").symlink_to(Path("elsewhere/dog").resolve())
    assert sizes(read_tree(ROOT)) == {"train": 6}


def test_a_missing_root_says_what_is_expected() -> None:
    (problem,) = problems()
    assert problem.startswith("dataset.root: pictures does not exist; expected are the folders")
    assert "train/CLASS" in problem


def test_a_file_as_root() -> None:
    ROOT.write_text("x")
    assert problems()[0].startswith("dataset.root: pictures is a file; expected are")


def test_an_empty_root() -> None:
    ROOT.mkdir()
    assert problems()[0].startswith("dataset.root: pictures is empty; expected are")


def test_pictures_without_class_folders() -> None:
    fill("", 3)
    parent = ROOT.resolve().parent
    told = f"dataset.root: pictures holds pictures and no class folders (dataset.root={parent}?); "
    assert problems()[0].startswith(told)


def test_a_table_is_no_folder() -> None:
    Path("labels.csv").write_text("path,label")
    with pytest.raises(UserError, match=r"is a file; give dataset=csv dataset\.file=labels\.csv"):
        read_tree(Path("labels.csv"))


def test_part_folders_without_class_folders() -> None:
    fill("train", 3)
    fill("test", 3)
    assert "holds test/, train/ without class folders in them; expected are" in problems()[0]


def test_two_folders_for_one_part() -> None:
    for part in ("train", "val", "valid"):
        fill(f"{part}/cat", 2)
        fill(f"{part}/dog", 2)
    assert "has two folders for one part: train/, val/, valid/" in problems()[0]


def test_a_validation_folder_alone() -> None:
    fill("val/cat", 2)
    assert "holds val/ but no train folder" in problems()[0]


def test_an_empty_class_is_named() -> None:
    fill("cat", 5)
    fill("cow", 0)
    fill("dog", 5)
    fill("eel", 0)
    assert problems()[0].startswith(
        "dataset.root: pictures has no pictures of cow, eel; add some (."
    )


def test_classes_that_differ_are_named_for_each_part() -> None:
    for name in ("cat", "dog"):
        fill(f"train/{name}", 4)
    fill("val/Cat", 1)
    fill("val/zebra", 1)
    fill("test/doge", 1)
    assert problems() == (
        (
            "dataset.root: pictures has classes in val that are not in train: "
            "Cat (did you mean 'cat'?), zebra"
        ),
        (
            "dataset.root: pictures has classes in test that are not in train: "
            "doge (did you mean 'dog'?)"
        ),
    )


def test_a_folder_that_cannot_be_listed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fill("cat", 2)
    fill("dog", 2)
    real = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr("os.scandir", guarded)
    assert problems() == ("dataset.root: cannot list pictures/dog: Permission denied",)


def test_names_that_are_no_text_can_be_printed() -> None:
    fill("cat", 1)
    fill("dog", 1)
    (ROOT / "dog" / b"\xff.png".decode("utf-8", "surrogateescape")).touch()
    files = read_tree(ROOT).parts["train"]
    assert files.names == ["cat/0.png", "dog/0.png", "dog/\\udcff.png"]
    assert files.paths[2].exists()


def test_files_come_class_by_class_in_the_order_of_their_names() -> None:
    for name in ("b", "a"):
        fill(name, 11)
    fill("a/deep", 1)
    files = read_tree(ROOT).parts["train"]
    assert files.labels.tolist() == [0] * 12 + [1] * 11
    assert files.names[:4] == ["a/0.png", "a/1.png", "a/10.png", "a/2.png"]
    assert files.names[11] == "a/deep/0.png"
