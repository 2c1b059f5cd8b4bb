"""Where the four files of MNIST and its successors are: in a usual place, or on the network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cnn_cli.data.download import DownloadError, download, md5_of
from cnn_cli.data.idx import content_md5
from cnn_cli.data.places import locked, places
from cnn_cli.errors import UserError

TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
STEMS = (*TRAIN, *TEST)


@dataclass(frozen=True)
class Origin:
    """One data set of this form. Files of different sets have the same names: bytes tell them."""

    name: str
    folder: str
    """where torchvision keeps it below its root"""
    urls: tuple[str, ...]
    """folders on the network, tried in order"""
    packed: Mapping[str, str]
    """stem -> md5 of the .gz as it is offered there"""
    content: Mapping[str, str]
    """stem -> md5 of the bytes inside, as far as somebody had them at hand"""
    elsewhere: tuple[Path, ...] = ()
    """folders of other packages that hold it"""


def obtain(
    origin: Origin, root: Path, url: str | None, verify: bool
) -> tuple[dict[str, Path], list[str]]:
    """(stem -> file, plain or .gz; notes for the user).

    Looks in `root` and the other usual places, then downloads to `root`; `url` is a folder on the
    network in place of the known ones. Raises UserError where all of that fails, and where `root`
    holds other bytes than the original ones while `verify` asks for these.
    """
    found = _find(origin, root, verify)
    if found is None:
        with locked(root, origin.name):  # a second process waits here, and finds what is there then
            found = _files(root / origin.folder) or _download(origin, root, url, verify)
    return found, _notes(origin, root, found, verify)


def _find(origin: Origin, root: Path, verify: bool) -> dict[str, Path] | None:
    """The first complete copy. A wrong one in `root` is an error, elsewhere it is passed over."""
    folders = [place / origin.folder for place in places(root)]
    for folder in (folders[0], root, *folders[1:], *origin.elsewhere):
        files = _files(folder)
        if files is None:
            continue
        wrong = _wrong(origin, files) if verify else []
        if not wrong:
            return files
        if folder in (root, folders[0]):
            raise UserError(
                f"dataset.root: {folder} has other bytes than the original {origin.name} "
                f"({', '.join(wrong)}); dataset.verify=false accepts it"
            )
    return None


def _files(folder: Path) -> dict[str, Path] | None:
    """The four files in `folder`, plain before packed; None where one is missing."""
    found = {}
    for stem in STEMS:
        choices = (folder / stem, folder / f"{stem}.gz")
        path = next((path for path in choices if path.is_file()), None)
        if path is None:
            return None
        found[stem] = path
    return found


def _wrong(origin: Origin, files: Mapping[str, Path]) -> list[str]:
    return [
        path.name
        for stem, path in files.items()
        if md5_of(path) != origin.packed[stem] and content_md5(path) != origin.content.get(stem)
    ]


def _download(origin: Origin, root: Path, url: str | None, verify: bool) -> dict[str, Path]:
    folder = root / origin.folder
    for stem in STEMS:
        name = f"{stem}.gz"
        addresses = [f"{base.rstrip('/')}/{name}" for base in ([url] if url else origin.urls)]
        md5 = origin.packed[stem] if verify else None
        try:
            if not (folder / name).is_file() or (md5 and md5_of(folder / name) != md5):
                download(addresses, folder / name, size=None, md5=md5)
        except DownloadError as error:
            raise UserError(
                f"dataset.root: there is no {origin.name} in {root}, and it could not be "
                f"downloaded ({error}); put {', '.join(f'{s}.gz' for s in STEMS)} into {folder}, "
                "name another folder by dataset.root, or another address by dataset.url"
            ) from error
    files = _files(folder)
    assert files is not None
    return files


def _notes(origin: Origin, root: Path, files: Mapping[str, Path], verify: bool) -> list[str]:
    notes = []
    folder = files[STEMS[0]].parent
    if folder not in (root, root / origin.folder):
        notes.append(f"{origin.name} was found in {folder.resolve()}")
    if not verify and (wrong := _wrong(origin, files)):
        notes.append(
            f"dataset.verify=false: {folder} has other bytes than the original {origin.name} "
            f"({len(wrong)} of {len(STEMS)} files)"
        )
    return notes
