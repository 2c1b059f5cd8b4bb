"""Data sets that come as one archive: in a usual place, unpacked or not, or on the network."""

import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import IO, cast

from cnn_cli.data.download import DownloadError, download, md5_of
from cnn_cli.data.places import locked, places
from cnn_cli.errors import UserError
from cnn_cli.files import clear_leftovers, move_into_place, temporary

LARGEST = 1 << 28
"""Bytes that one file of an archive may have; the largest of the original ones has 221 MB."""
PIECE = 1 << 20
"""Bytes that are read of an archive at a time: headers are read whole, contents in parts."""
MEMBERS, RATIO = 100_000, 100
"""Files in an archive, and times its own size that it may unpack to."""

_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error)


@dataclass(frozen=True)
class Archive:
    """What is known of one data set's archive and of the files wanted out of it."""

    title: str
    """what people call the data set"""
    folder: str
    """where torchvision keeps the files below its root"""
    name: str
    size: int | None
    """bytes, where somebody had it at hand"""
    md5: str
    urls: tuple[str, ...]
    """tried in order"""
    files: Mapping[str, str | None]
    """file -> its md5, where it is known"""


def obtain(wanted: Archive, root: Path, url: str | None, verify: bool) -> tuple[Path, list[str]]:
    """(the folder with the files, notes for the user).

    Looks for the folder and then for the archive in `root` and the other usual places, then
    downloads the archive to `root`, from `url` or the known addresses. With `verify`, `root` must
    hold the original bytes. Raises UserError where all of that fails.
    """
    found = find_folder(wanted, root, verify)
    if found is None:
        archive = _find_archive(wanted, root, verify)
        found = root / wanted.folder
        # a second process waits here, and then finds what the first one wrote
        with locked(root, Path(wanted.folder).parts[0]):
            if not _complete(wanted, found):
                _extract(wanted, archive or _download(wanted, root, url, verify), found)
    return found, _notes(wanted, root, found, verify)


def find_folder(wanted: Archive, root: Path, verify: bool) -> Path | None:
    """The first complete copy among the usual places; None where there is none.

    With `verify`, one with other bytes is passed over; in `root` it raises UserError.
    """
    for place in places(root):
        for folder in (place / wanted.folder, place):
            if not _complete(wanted, folder):
                continue
            if not verify or not (wrong := _wrong(wanted, folder)):
                return folder
            if place == root:
                raise UserError(
                    f"dataset.root: {folder} has other bytes than the original {wanted.title} "
                    f"({', '.join(wrong)}); dataset.verify=false accepts it"
                )
    return None


def _find_archive(wanted: Archive, root: Path, verify: bool) -> Path | None:
    """The first archive, by the same rule."""
    for place, below in product(places(root), ("", wanted.folder)):
        archive = place / below / wanted.name
        if not archive.is_file():
            continue
        if not verify or md5_of(archive) == wanted.md5:
            return archive
        if place == root:
            raise UserError(
                f"dataset.root: {archive} is not the original archive ({_told(wanted)}); "
                "delete it to download it again, or accept it by dataset.verify=false"
            )
    return None


def _download(wanted: Archive, root: Path, url: str | None, verify: bool) -> Path:
    archive = root / wanted.name
    size, md5 = (wanted.size, wanted.md5) if verify else (None, None)
    try:
        download([url] if url else wanted.urls, archive, size=size, md5=md5)
    except DownloadError as error:
        raise UserError(
            f"dataset.root: there is no {wanted.title} in {root}, and it could not be downloaded "
            f"({error}); put {wanted.name} ({_told(wanted)}) or the folder {wanted.folder} into "
            f"{root}, name another folder by dataset.root, or another address by dataset.url"
        ) from error
    return archive


def _told(wanted: Archive) -> str:
    """How one knows the archive by oneself."""
    size = f"{wanted.size:,} bytes, " if wanted.size else ""
    return f"{size}md5 {wanted.md5}"


def _extract(wanted: Archive, archive: Path, folder: Path) -> None:
    """Write the wanted files of the archive to `folder`, each one whole or not at all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        clear_leftovers(folder.parent)
        scratch = temporary(folder)
        scratch.mkdir()
        try:
            unpack = _unzip if archive.suffix == ".zip" else _untar
            unpack(wanted, archive, scratch)
            for name in wanted.files:
                move_into_place(scratch / name, folder / name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except (*_DAMAGED, FileNotFoundError) as error:
        raise UserError(
            f"dataset.root: {archive} is no archive of {wanted.title}: {error}"
        ) from error
    except OSError as error:
        raise UserError(f"dataset.root: cannot unpack {archive} to {folder}: {error}") from error


def _untar(wanted: Archive, archive: Path, folder: Path) -> None:
    """Only the wanted files, without the folders they claim to be in."""
    most = max(LARGEST, RATIO * archive.stat().st_size)
    with (
        gzip.open(archive) as packed,
        tarfile.open(fileobj=cast("IO[bytes]", _Careful(packed))) as tar,
    ):
        tar.extractall(folder, members=_members(wanted, tar, most), filter="data")


class _Careful:
    """A file of which a little is read at a time, as of contents, and not a header of any size."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """As of a file. Raises TarError for more than PIECE bytes."""
        if not 0 <= size <= PIECE:
            raise tarfile.TarError(f"it has a header of {size:,} bytes")
        return self._file.read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()


def _members(wanted: Archive, tar: tarfile.TarFile, most: int) -> Iterator[tarfile.TarInfo]:
    """The wanted ones; `most` bytes may be unpacked on the way to them."""
    taken = set[str]()
    for number, member in enumerate(tar):
        name = Path(member.name).name
        if number > MEMBERS or member.offset_data + member.size > most:
            raise tarfile.TarError(f"it unpacks to more than {most:,} bytes or {MEMBERS:,} files")
        if name in wanted.files and member.isfile():
            _check_member(name, member.size, taken)
            yield member.replace(name=name)


def _unzip(wanted: Archive, archive: Path, folder: Path) -> None:
    """Only the wanted files, without the folders they claim to be in."""
    taken = set[str]()
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            name = Path(member.filename).name
            if name in wanted.files and not member.is_dir():
                _check_member(name, member.file_size, taken)
                with packed.open(member) as inside, (folder / name).open("wb") as file:
                    shutil.copyfileobj(inside, file)


def _check_member(name: str, size: int, taken: set[str]) -> None:
    if size > LARGEST:
        raise tarfile.TarError(f"its {name} would take {size:,} bytes")
    if name in taken:
        raise tarfile.TarError(f"it has {name} twice")
    taken.add(name)


def _complete(wanted: Archive, folder: Path) -> bool:
    return all((folder / name).is_file() for name in wanted.files)


def _wrong(wanted: Archive, folder: Path) -> list[str]:
    return [name for name, md5 in wanted.files.items() if md5 and md5_of(folder / name) != md5]


def _notes(wanted: Archive, root: Path, folder: Path, verify: bool) -> list[str]:
    notes = []
    if folder not in (root, root / wanted.folder):
        notes.append(f"{wanted.title} was found in {folder.resolve()}")
    if not verify and (wrong := _wrong(wanted, folder)):
        notes.append(
            f"dataset.verify=false: {folder} has other bytes than the original {wanted.title} "
            f"({len(wrong)} of {len(wanted.files)} files)"
        )
    return notes
