"""Tables of pictures: read, split by class and group, and refused line by line."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.csv_file import csv_file
from cnn_cli.data.selection import ALL, Selection
from cnn_cli.errors import UserError

OPTIONS = {
    "root": None,
    "path_column": "path",
    "label_column": "label",
    "split_column": None,
    "group_column": None,
    "val_fraction": 0.2,
    "test_fraction": 0.2,
    "selection": ALL,
    "resident_mb": 10,
    "workers": 0,
}


def write(folder: Path, lines: list[str], name: str = "table.csv", pictures: int = 0) -> Path:
    """The table, and so many pictures 0.png, 1.png, ... whose grey is their number."""
    folder.mkdir(exist_ok=True)
    for number in range(pictures):
        Image.fromarray(np.full((4, 4), number, np.uint8)).save(folder / f"{number}.png")
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def load(file: Path, **options: object) -> Dataset:
    form = Preprocessing(channels=1, size=4)
    return csv_file(form, file=str(file), **(OPTIONS | options))  # type: ignore[arg-type]


def greys(data: Dataset, part: str) -> list[int]:
    split = getattr(data, part)
    images = split.take(torch.arange(len(split))).images
    return images[:, 0, 0, 0].tolist()


def names(data: Dataset, part: str) -> set[str]:
    return set(getattr(data, part).names)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_pictures_and_classes_are_those_of_the_table(tmp_path: Path, separator: str) -> None:
    lines = ["label,path,age,split", "dog,0.png,3,train", 'cat,"1.png",4,training']
    lines += ["cat,2.png,5,TRAIN", "dog,3.png,6,val", "dog,4.png,7,test"]
    file = write(tmp_path, [line.replace(",", separator) for line in lines], pictures=5)
    data = load(file, split_column="split")
    assert data.classes == ("cat", "dog")
    assert greys(data, "train") == [0, 1, 2]
    assert data.train.labels.tolist() == [1, 0, 0]
    assert (greys(data, "val"), greys(data, "test")) == ([3], [4])
    assert list(data.train.names) == ["0.png", "1.png", "2.png"]


def test_a_byte_order_mark_and_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    lines = ["\ufeffpath,label"] + [f"{i}.png,{'ab'[i % 2]}" for i in range(10)]
    file = write(tmp_path, lines, pictures=10)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    data = load(file)
    assert data.classes == ("a", "b")
    assert len(data.train) + len(data.val) + len(data.test) == 10


def test_missing_parts_are_cut_with_each_class_in_its_proportion(tmp_path: Path) -> None:
    lines = ["path,label"] + [f"{i}.png,{'a' if i < 40 else 'b'}" for i in range(50)]
    data = load(write(tmp_path, lines, pictures=50))
    assert data.test.labels.bincount().tolist() == [8, 2]
    assert data.val.labels.bincount().tolist() == [6, 2]
    assert not names(data, "train") & names(data, "test")
    assert names(load(tmp_path / "table.csv"), "test") == names(data, "test")


def test_groups_stay_in_one_part(tmp_path: Path) -> None:
    lines = ["path,label,patient"]
    lines += [f"{i}.png,{'ab'[i // 6 % 2]},p{i // 3}" for i in range(60)]
    data = load(write(tmp_path, lines, pictures=60), group_column="patient")
    groups = {
        part: {int(name.removesuffix(".png")) // 3 for name in names(data, part)}
        for part in ("train", "val", "test")
    }
    assert not groups["train"] & groups["test"]
    assert not groups["train"] & groups["val"]
    assert not groups["val"] & groups["test"]
    assert set.union(*groups.values()) == set(range(20))
    assert len(data.test) == 12
    assert min(data.test.labels.bincount().tolist()) >= 3
    (told,) = (note for note in data.notes if note.startswith("groups: "))
    listed = sorted(f"p{group}" for group in groups["test"])
    assert told.startswith("groups: ")
    assert f"{len(listed)} in test ({', '.join(listed)})" in told


def test_classes_that_groups_keep_out_of_the_test_are_named(tmp_path: Path) -> None:
    lines = ["path,label,g"] + [f"{i}.png,{'ab'[i // 10 % 2]},g{i // 10}" for i in range(40)]
    file = write(tmp_path, lines, pictures=40)
    data = load(file, group_column="g", test_fraction=0.25, val_fraction=0)
    absent = "ab"[1 - int(data.test.labels[0])]
    assert f"warning: test has no pictures of {absent}: too few groups" in data.notes


def test_a_fold_is_the_test_and_none_is_cut_beside_it(tmp_path: Path) -> None:
    lines = ["path,label"] + [f"{i}.png,{'ab'[i % 2]}" for i in range(30)]
    file = write(tmp_path, lines, pictures=30)
    tests = [load(file, selection=Selection(folds=3, fold=fold)) for fold in (1, 2, 3)]
    assert [len(data.test) for data in tests] == [10, 10, 10]
    assert set.union(*(names(data, "test") for data in tests)) == {f"{i}.png" for i in range(30)}
    assert not any("cut from train" in note for data in tests for note in data.notes)


def test_groups_in_two_parts_of_the_table_are_noted(tmp_path: Path) -> None:
    lines = ["path,label,split,camera", "0.png,a,train,k1", "1.png,b,train,k2", "2.png,a,test,k1"]
    lines += ["3.png,b,val,k3"]
    data = load(write(tmp_path, lines, pictures=4), split_column="split", group_column="camera")
    assert "1 groups of test are in train as well (k1)" in data.notes


def test_paths_start_at_the_root_given(tmp_path: Path) -> None:
    write(tmp_path / "pictures", [], pictures=10)
    file = write(tmp_path, ["path,label"] + [f"{i}.png,{'ab'[i % 2]}" for i in range(10)])
    with pytest.raises(UserError, match=r"none of the 10 files of .*give dataset.root=FOLDER"):
        load(file)
    assert len(load(file, root=str(tmp_path / "pictures")).train) == 6


def test_all_of_a_table_can_be_the_test(tmp_path: Path) -> None:
    file = write(tmp_path, ["path,label", "0.png,a", "1.png,b"], pictures=2)
    data = load(file, test_fraction=1)
    assert [len(part) for part in (data.train, data.val, data.test)] == [0, 0, 2]


@pytest.mark.parametrize(
    ("lines", "options", "told"),
    [
        (["file,label", "0.png,a"], {}, r"path_column=path: no such column .* file, label"),
        (["path,labl", "0.png,a"], {}, r"label_column=label: .*did you mean 'labl'"),
        (["path,label"], {}, "has no lines below its head"),
        (["path,label", "0.png,a", ",b"], {}, "line 3: nothing in path"),
        (["path,label", "0.png,a", "1.png"], {}, "line 3: nothing in label"),
        (
            ["path,label", "0.png,a", "0.png,b"],
            {},
            r"lines 2, 3: 0\.png .* as a and b",
        ),
        (
            ["path,label,split", "0.png,a,train", "1.png,b,train", "2.png,a,tst"],
            {"split_column": "split"},
            "line 4: split 'tst' is none of",
        ),
        (
            ["path,label,who", "0.png,a,ann", "1.png,b,bob", "2.png,a,bob", "3.png,a,train"],
            {"split_column": "who"},
            r"split_column=who: holds bob \(2 lines\), ann \(1 lines\); it must say train, val",
        ),
        (
            ["path,label", "a,0.png", "b,1.png", "b,2.png"],
            {},
            r"label_column=label: holds names of files \(0\.png\), and .*path none \(a\): are",
        ),
        (
            ["path,label"]
            + [f"{i}.png,{'Tabby Cat' if i % 2 else 'dog'}" for i in range(9)]
            + ["9.png,tabby cat"],
            {},
            r"too few .*; 9\.png is called tabby cat \(did you mean 'Tabby Cat'\?\)",
        ),
        (["path,label", "0.png,a", "1.png,a"], {}, r"one class only \(a\)"),
        (["path,label", "0.png,a", "1.png,b"], {}, r"too few pictures of a \(1 picture\)"),
        (
            ["path,label,g"] + [f"{i}.png,{'ab'[i % 2]},x" for i in range(10)],
            {"group_column": "g"},
            r"test_fraction: all pictures are of one group, .*give dataset\.test_fraction=0",
        ),
    ],
)
def test_wrong_tables_are_refused_with_their_line(
    tmp_path: Path, lines: list[str], options: dict[str, object], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        load(write(tmp_path, lines, pictures=10), **options)


def test_a_missing_table_and_one_that_is_no_text_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset\.file: .*No such file"):
        load(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"path,label\n\xff\xfe")
    with pytest.raises(UserError, match="is no UTF-8 text"):
        load(tmp_path / "bytes.csv")


def test_a_split_column_that_is_not_used_is_told(tmp_path: Path) -> None:
    lines = [f"{i}.png,{'ab'[i % 2]},{('train', 'test')[i > 9]}" for i in range(20)]
    file = write(tmp_path, ["path,label,part", *lines], pictures=20)
    assert any("dataset.split_column=part" in note for note in load(file).notes)
    used = load(file, split_column="part")
    assert not any("split_column" in note for note in used.notes)


def test_a_first_line_without_columns_is_shown(tmp_path: Path) -> None:
    file = write(tmp_path, ["path|label", "0.png|a"])
    with pytest.raises(
        UserError, match=r"comma, semicolon or tab between them; it is: path\|label"
    ):
        load(file)
