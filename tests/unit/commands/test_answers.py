"""The files of predictions: whole rows, whatever stops the writing."""

import csv
import errno
import json
from pathlib import Path
from typing import Self

import pytest

from cnn_cli.commands.answers import CSV, JSONL, Answer, csv_rows, names, writing

SURE = Answer(Path("a,\n.png"), "cat", ("cat", "dog"), (0.75, 0.25))
UNSURE = Answer(Path("写真\udcff.png"), "unsure", ("dog", "cat"), (0.5, 0.5))
BROKEN = Answer(Path("b.png"), error='not "readable"')


def read(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    return list(csv.DictReader(text.splitlines(keepends=True)))


def test_both_files_say_the_same(tmp_path: Path) -> None:
    with writing(tmp_path, names("both"), 2) as write:
        write([SURE, UNSURE])
        write([])
        write([BROKEN])
    rows = read(tmp_path / CSV)
    objects = [json.loads(line) for line in (tmp_path / JSONL).read_text().splitlines()]
    for row, one, answer in zip(rows, objects, (SURE, UNSURE, BROKEN), strict=True):
        assert row["file"] == one["file"] == str(answer.path)
        assert row["error"] == one.get("error", "") == answer.error
        assert row["class"] == one.get("class", "") == answer.label
        top = [(row[f"top{rank}"], row[f"p_top{rank}"]) for rank in (1, 2) if row[f"top{rank}"]]
        assert top == [(e["class"], f"{e['probability']:.8g}") for e in one.get("top", [])]
    assert rows[1]["top1"] == "dog"


def test_only_the_files_that_are_asked_for(tmp_path: Path) -> None:
    with writing(tmp_path, names("jsonl"), 1) as write:
        write([BROKEN])
    assert [path.name for path in tmp_path.glob("predictions.*")] == [JSONL]


def test_rows_are_there_as_soon_as_they_are_written(tmp_path: Path) -> None:
    with writing(tmp_path, names("csv"), 2) as write:
        assert read(tmp_path / CSV) == []
        write([SURE])
        assert len(read(tmp_path / CSV)) == 1


class Full:
    """A file on a disk with little room, which takes the first bytes of what does not fit."""

    def __init__(self, path: Path, room: int) -> None:
        self.raw, self.room = path.open("xb", buffering=0), room

    def write(self, data: memoryview) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "no space left")
        written = self.raw.write(data[: self.room])
        self.room -= written
        return written

    def truncate(self, size: int) -> None:
        self.raw.truncate(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.raw.close()


def test_what_fails_half_way_leaves_whole_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Full(tmp_path / CSV, 5 * len(csv_rows([SURE], 2)))

    def fill() -> None:
        with writing(tmp_path, names("csv"), 2) as write:
            for _ in range(10):
                write([SURE, BROKEN])

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *_, **__: full)
        with pytest.raises(OSError, match="no space"):
            fill()
    rows = read(tmp_path / CSV)
    assert 0 < len(rows) < 20
    assert len(rows) % 2 == 0
    assert rows[-1]["error"] == BROKEN.error
