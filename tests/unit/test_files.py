"""Writes that are whole or absent."""

import os

import pytest

from cnn_cli.errors import UserError
from cnn_cli.files import Hashed, check_space, check_writable, replacing, size_and_hash, write_json


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"run\.root=.*file is not a folder"):
        check_writable(tmp_path / "file" / "runs", "run.root")


def test_a_write_is_whole_or_absent(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        _half(file)
    assert path.read_text() == "old"
    with replacing(path) as file:
        file.write(b"new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.glob("*file*")] == ["file"]


def _half(file: Hashed) -> None:
    file.write(b"half")
    raise KeyboardInterrupt


def test_what_reads_back_differently_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")
    fsync = os.fsync

    def spoil(handle: int) -> None:
        fsync(handle)
        for temporary in tmp_path.glob(".*.tmp"):
            temporary.write_bytes(b"nex")

    monkeypatch.setattr(os, "fsync", spoil)
    with pytest.raises(OSError, match="other bytes than were written"), replacing(path) as file:
        file.write(b"new")
    assert path.read_text() == "old"
    assert not list(tmp_path.glob(".*.tmp"))


def test_size_and_hash_are_noted_while_writing(tmp_path):
    with replacing(tmp_path / "file") as file:
        file.write(b"a" * 1000)
        file.write(b"b")
    assert size_and_hash(tmp_path / "file") == (file.size, file.sha256) == (1001, file.sha256)
    write_json(tmp_path / "file", {"é": 1})
    assert (tmp_path / "file").read_text() == '{\n  "é": 1\n}\n'


def test_a_full_disk_is_seen_before_the_write(tmp_path):
    check_space(tmp_path, 1000)
    with pytest.raises(OSError, match=r"no space left: 1,000,000,000,000\.0 MB are needed and"):
        check_space(tmp_path, 10**18)
