"""Which pictures are meant: a file, a folder, a pattern, or paths on standard input."""

import glob
import os
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from cnn_cli.data.folder_tree import SUFFIXES
from cnn_cli.errors import UserError

STDIN = "-"
"""The value of images= that stands for paths on standard input."""
BLOCK = 1 << 16


def find_images(images: str) -> Iterator[Path]:
    """The files that a file's name, a folder (searched through) or a pattern means, by name.

    `-` means the paths on standard input, in their order, one a line or each ended by a NUL.
    Folders and standard input are read as the paths are asked for, all but the first, so that
    memory does not grow with their number. Raises UserError where there is none.
    """
    paths, nothing = _meant(images)
    first = next(paths, None)
    if first is None:
        raise UserError(nothing)
    return chain([first], paths)


def count_images(images: str) -> int | None:
    """How many `find_images` will give; None for standard input, which can be read only once."""
    return None if images == STDIN else sum(1 for _ in _meant(images)[0])


def _meant(images: str) -> tuple[Iterator[Path], str]:
    """The paths, and what to say where there is none."""
    if images == STDIN:
        return _listed(), "images=-: no path on standard input, where one a line is expected"
    path = Path(images).expanduser()
    if path.is_dir():
        known = ", ".join(sorted(SUFFIXES))
        return _walk(path), f"images={images}: no picture in this folder ({known})"
    if path.is_file():
        return iter((path,)), ""
    nothing = f"images={images}: no such file or folder, and no file matches it as a pattern"
    if "," in images or images.startswith("["):
        nothing += "; it takes one of them: a file, a folder or a pattern"
    matching = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
    return (found for found in map(Path, matching) if found.is_file()), nothing


def _walk(folder: Path) -> Iterator[Path]:
    """The pictures at any depth, by name; at once only the names of one branch are held.

    As in training, hidden files and folders are passed over: macOS puts ._photo.jpg beside
    photo.jpg. A folder that cannot be listed comes as a path of its own, to be told of.
    """
    try:
        with os.scandir(folder) as entries:
            there = [(e.name, e.is_dir(), e.is_symlink()) for e in entries if e.name[0] != "."]
    except OSError:
        yield folder
        return
    for name, is_folder, is_link in sorted(there):
        path = folder / name
        if is_folder and not is_link:
            yield from _walk(path)
        elif not is_folder and path.suffix.lower() in SUFFIXES:
            yield path


def _listed() -> Iterator[Path]:
    """The paths on standard input."""
    if sys.stdin is None or sys.stdin.closed:
        return
    for name in _names(sys.stdin.buffer):
        yield Path(os.fsdecode(name))


def _names(source: BinaryIO) -> Iterator[bytes]:
    """Names between NULs where the first block has one (find -print0), else a line each."""
    rest, sign = b"", b""
    while block := os.read(source.fileno(), BLOCK):
        rest += block
        if not sign:
            sign = b"\0" if b"\0" in rest else b"\n" if b"\n" in rest else b""
        if sign:
            *whole, rest = rest.split(sign)
            yield from filter(None, (_bare(name, sign) for name in whole))
    if last := _bare(rest, sign):
        yield last


def _bare(name: bytes, sign: bytes) -> bytes:
    """A line without the return that Windows ends it with; between NULs a name is as it is."""
    return name if sign == b"\0" else name.removesuffix(b"\r")
