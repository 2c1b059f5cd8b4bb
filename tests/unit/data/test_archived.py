"""What an archive may bring: the wanted files, once each, and no flood of others."""

import io
import tarfile
from pathlib import Path

import pytest

from cnn_cli.data import archived
from cnn_cli.data.archived import Archive, obtain
from cnn_cli.errors import UserError

WANTED = Archive("Two files", "two", "two.tar.gz", None, "", (), {"a.bin": None, "b.bin": None})


def pack(root: Path, *members: tuple[str, int]) -> None:
    """An archive of files of so many zeros."""
    with tarfile.open(root / WANTED.name, "w:gz") as tar:
        for name, size in members:
            member = tarfile.TarInfo(f"two/{name}")
            member.size = size
            tar.addfile(member, io.BytesIO(bytes(size)))


def test_only_the_wanted_files_arrive(tmp_path: Path) -> None:
    pack(tmp_path, ("a.bin", 5), ("junk", 5), ("b.bin", 6))
    folder, _ = obtain(WANTED, tmp_path, None, verify=False)
    assert {path.name: path.stat().st_size for path in folder.iterdir()} == {"a.bin": 5, "b.bin": 6}


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([("a.bin", 5), ("a.bin", 5), ("b.bin", 5)], "it has a.bin twice"),
        ([("junk", 2 << 20), ("a.bin", 5), ("b.bin", 5)], "it unpacks to more than 1,048,576"),
        ([*((f"{i}", 0) for i in range(20)), ("a.bin", 5), ("b.bin", 5)], "or 10 files"),
    ],
)
def test_a_flood_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: list[tuple[str, int]], told: str
) -> None:
    monkeypatch.setattr(archived, "RATIO", 1)
    monkeypatch.setattr(archived, "LARGEST", 1 << 20)
    monkeypatch.setattr(archived, "MEMBERS", 10)
    pack(tmp_path, *members)
    with pytest.raises(UserError, match=told):
        obtain(WANTED, tmp_path, None, verify=False)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file() and "lock" not in p.name] == [
        WANTED.name
    ]


def test_what_a_killed_process_was_unpacking_is_cleared(tmp_path: Path) -> None:
    old = tmp_path / f".two.{2**22 + 1}.tmp"
    old.mkdir()
    (old / "a.bin").write_bytes(b"half")
    pack(tmp_path, ("a.bin", 5), ("b.bin", 6))
    obtain(WANTED, tmp_path, None, verify=False)
    assert not old.exists()


def test_a_header_of_millions_of_letters_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / WANTED.name, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("two/a.bin")
        member.pax_headers = {"comment": "x" * (3 << 20)}
        tar.addfile(member)
    with pytest.raises(UserError, match=r"it has a header of [\d,]+ bytes"):
        obtain(WANTED, tmp_path, None, verify=False)
