"""Writes that are whole or absent, whatever happens to the process or the power, and their places.

A file is written under a temporary name, flushed, read back and compared, and only then renamed
(Pillai et al. 2014, "All File Systems Are Not Created Equal", section 3: the rename of a file that
is not on the disk yet may survive without its contents).
"""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from cnn_cli.errors import UserError

BLOCK = 1 << 20
LEFTOVER = re.compile(r"\..+\.(\d+)\.tmp")
"""The name of a temporary file or folder, with the process that wrote it."""


class Hashed:
    """A binary file that notes size and sha256 of all that is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.size = 0
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        self._hash.update(data)
        written = self._file.write(data)
        self.size += written
        return written

    def flush(self) -> None:
        self._file.flush()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def replacing(path: Path, outdated: Path | None = None) -> Iterator[Hashed]:
    """A file that takes the place of `path` only when it is whole and on the disk.

    A file beside it that is `outdated` then goes just before.

    Raises OSError, with the old file untouched, where it cannot be written or reads back
    differently.
    """
    own = temporary(path)
    try:
        with own.open("wb") as raw:
            file = Hashed(raw)
            yield file
            raw.flush()
            os.fsync(raw.fileno())
        if size_and_hash(own, from_disk=True) != (file.size, file.sha256):
            raise OSError(errno.EIO, "reads back with other bytes than were written", str(path))
        if outdated is not None:
            outdated.unlink(missing_ok=True)
        own.replace(path)
    except BaseException:
        own.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def size_and_hash(path: Path, *, from_disk: bool = False) -> tuple[int, str]:
    """Bytes and sha256 of a file; `from_disk` where the system can be asked to read it anew."""
    with path.open("rb") as file:
        if from_disk and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()


def flush_file(path: Path) -> None:
    """Have what was written to a file on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders; there the rename itself has to do
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def move_into_place(source: Path, path: Path) -> None:
    """Rename a file that was written before, once it is on the disk."""
    flush_file(source)
    source.replace(path)
    flush_folder(path.parent)


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    with replacing(path) as file:
        file.write((json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def check_space(folder: Path, size: int) -> None:
    """Raise OSError where `folder` has no room for `size` more bytes: better than half a file."""
    free = shutil.disk_usage(folder).free
    if free < size:
        text = f"no space left: {size / 1e6:,.1f} MB are needed and {free / 1e6:,.1f} MB are free"
        raise OSError(errno.ENOSPC, text, str(folder))


def temporary(path: Path) -> Path:
    """A name beside `path` that `clear_leftovers` knows when this process has ended."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def clear_leftovers(folder: Path) -> None:
    """Remove what is temporary in `folder` and whose process has ended without removing it."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        found = LEFTOVER.fullmatch(path.name)
        if found and not is_alive(int(found[1])):
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def is_alive(process: int) -> bool:
    """Whether another process of that number is there."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return process != os.getpid()  # of an earlier process that had our number


def check_writable(folder: Path, key: str) -> None:
    """Raise UserError unless `folder` is, or could be made, a folder to write in."""
    parent = folder
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir():
        raise UserError(f"{key}={folder}: {parent} is not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(
            f"{key}={folder}: no permission to write in {parent}; choose another folder"
        )


def check_output(folder: Path) -> None:
    """Raise UserError unless `folder` can be made, or is there, empty and to be written in."""
    check_writable(folder, "output")
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"output={folder}: is there already and not empty; choose another folder")
