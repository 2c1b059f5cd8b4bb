"""A user's table about the pictures: joined by name, numbers as numbers, mistakes told."""

import json
from pathlib import Path

import numpy as np
import pytest

from cnn_cli.cli import main
from cnn_cli.commands.slicing import columns, read
from cnn_cli.errors import UserError

NAMES = tuple(f"test/{i:02d}" for i in range(20))


def table(folder: Path, text: str) -> str:
    path = folder / "about, these.csv"
    path.write_text(text, encoding="utf-8-sig")
    return str(path)


def test_columns_come_in_the_order_of_the_pictures(tmp_path: Path) -> None:
    lines = [f"{name},{'north' if i < 9 else 'süd'},{i / 8}" for i, name in enumerate(NAMES)]
    text = "picture,site,age\n" + "\n".join(reversed(lines[1:]))
    found, note = columns(read(table(tmp_path, text)), NAMES)
    assert list(found) == ["site", "age"]
    assert list(found["site"]) == ["", *["north"] * 8, *["süd"] * 11]
    assert isinstance(found["age"], np.ndarray)
    assert np.isnan(found["age"][0])
    assert found["age"][1:].tolist() == [i / 8 for i in range(1, 20)]
    assert note.startswith("slices: 1 of 20 pictures are not in ")


def test_a_few_numbers_are_names(tmp_path: Path) -> None:
    text = "name,camera\n" + "\n".join(f"{name},{i % 3}" for i, name in enumerate(NAMES))
    found, note = columns(read(table(tmp_path, text)), NAMES)
    assert list(found["camera"])[:4] == ["0", "1", "2", "0"]
    assert note == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,site,site\na,1,2\n", "there are two columns site"),
        ("name,\na,1\n", "a column has no name"),
        ("name,brightness\na,1\n", "the column brightness is measured anyway"),
        (
            "name,site\na,1\nb,1,2\nc\n",
            "3 cells in the line of b, and 2 in the first line; lines like that: 2",
        ),
        ("name,site\na,1\na,2\n", "more than one line of a; pictures like that: 1"),
        ('name,site\na,"1\n', "is no CSV"),
    ],
)
def test_a_table_that_can_be_read_in_two_ways_is_refused(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(UserError, match=told):
        read(table(tmp_path, text))


def test_names_that_are_no_utf8_are_those_of_predictions_csv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"name,site\ncaf\xe9.png,north\nb.png,south\n")
    found, _ = columns(read(str(tmp_path / "a.csv")), ("caf\udce9.png", "b.png"))
    assert list(found["site"]) == ["north", "south"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_are_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("name,site\na,süd\n".encode(encoding))
    with pytest.raises(UserError, match="is not UTF-8"):
        read(str(path))


@pytest.mark.parametrize("text", ["", "name\na\n", "name,site\n"])
def test_a_table_without_columns_or_lines_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="needs a line of names"):
        read(table(tmp_path, text))


def test_a_table_of_other_pictures_is_refused_with_how_they_are_called(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="it has '00', and they are called as 'test/00'"):
        columns(read(table(tmp_path, "name,site\n00,a\n")), NAMES)


def test_a_table_that_is_not_there_is_refused_before_any_work(tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    small = ["model.channels=[4]", "trainer.epochs=1", "dataset.limit={train: 100, test: 60}"]
    assert main(["train", *small, "device.threads=1", f"run.dir={run}"]) == 0
    assert main(["evaluate", f"checkpoint={run}", "slices=nowhere, at all.csv"]) == 2
    said = capsys.readouterr()
    assert "slices=nowhere, at all.csv: cannot be read" in said.err
    assert not (run / "evaluate").exists()

    lines = (run / "report" / "predictions.csv").read_text().splitlines()[1:]
    names = [line.split(",")[0] for line in lines]
    path = table(tmp_path, "name,site\n" + "\n".join(f"{n},{i % 2}" for i, n in enumerate(names)))
    given = ["evaluate", f"checkpoint={run}", f"slices={path}", "device.threads=1"]
    assert main([*given, f"output={tmp_path / 'out'}"]) == 0
    slices = json.loads((tmp_path / "out" / "report.json").read_text())["slices"]
    own = [row for row in slices if row["trait"] == "site"]
    assert [(row["slice"], row["images"]) for row in own] == [("0", 30), ("1", 30)]
    assert {row["trait"] for row in slices} >= {"brightness", "contrast", "sharpness"}
