"""SVHN (Netzer et al. 2011): house numbers seen from the street, cut to digits of 32x32 pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from cnn_cli.data.assemble import Pictures, resident_dataset
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.download import DownloadError, download, md5_of
from cnn_cli.data.places import locked, places
from cnn_cli.data.selection import Selection
from cnn_cli.data.split import share, too_small
from cnn_cli.errors import UserError
from cnn_cli.limits import ProperFraction

MD5 = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
    "extra_32x32.mat": "a93ce644f1a588dc4d68dda5feec44a7",
}
URL = "http://ufldl.stanford.edu/housenumbers"
SIDES = (32, 32, 3)


def svhn(
    preprocessing: Preprocessing,
    *,
    root: str,
    url: str | None,
    verify: bool,
    extra: bool,
    val_fraction: ProperFraction,
    selection: Selection,
) -> Dataset:
    """SVHN from `root`, another usual place (there as well in svhn/), or downloaded to `root`.

    73,257 pictures are for training, with `extra` another 531,131 easier ones; 26,032 are for the
    test. `url` is the folder on the network in place of the known one; with `verify` every file
    must have its original bytes. `val_fraction` in [0, 1) of the training pictures is validation.
    Raises UserError where the data is absent or damaged.
    """
    folder = Path(root).expanduser()
    notes: list[str] = []
    train_files = ["train_32x32.mat", *(["extra_32x32.mat"] if extra else [])]
    found = {
        name: _obtain(name, folder, url, verify, notes) for name in [*train_files, "test_32x32.mat"]
    }
    classes = tuple("0123456789")
    whole = _joined([_read(found[name]) for name in train_files], "train")
    test = _joined([_read(found["test_32x32.mat"])], "test")
    few = too_small(whole.labels, classes, 2 if val_fraction > 0 else 1)
    if few:
        raise UserError(f"dataset.root: {folder} has too little of {', '.join(few)}")
    train, val = whole.cut(share(len(whole.labels), val_fraction), "svhn/val")
    parts = {"train": train, "val": val, "test": test}
    return resident_dataset("svhn", classes, parts, preprocessing, selection, notes)


def _obtain(name: str, root: Path, url: str | None, verify: bool, notes: list[str]) -> Path:
    """The first copy. A wrong one in `root` is an error, elsewhere it is passed over."""
    for folder in [path for place in places(root) for path in (place, place / "svhn")]:
        path = folder / name
        if not path.is_file():
            continue
        right = md5_of(path) == MD5[name]
        if not verify or right:
            if not right:
                notes.append(f"dataset.verify=false: {path} has other bytes than the original one")
            elif folder.parent != root and folder != root:
                notes.append(f"{name} was found in {folder.resolve()}")
            return path
        if folder == root:
            raise UserError(
                f"dataset.root: {path} has other bytes than the original one; "
                "delete it to download it again, or accept it by dataset.verify=false"
            )
    with locked(root, "svhn"):
        return _download(name, root, url, verify)


def _download(name: str, root: Path, url: str | None, verify: bool) -> Path:
    path = root / name
    if path.is_file():  # by another process, in the meantime
        return path
    address = f"{(url or URL).rstrip('/')}/{name}"
    try:
        download([address], path, size=None, md5=MD5[name] if verify else None)
    except DownloadError as error:
        raise UserError(
            f"dataset.root: there is no {name} in {root}, and it could not be downloaded ({error});"
            f" put the file (md5 {MD5[name]}) there, name another folder by dataset.root, or "
            "another address by dataset.url"
        ) from error
    return path


def _read(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """(images uint8 (N, 3, 32, 32), labels int64 (N,)): the file calls the digit 0 the class 10."""
    from scipy.io import loadmat

    try:
        content: dict[str, Any] = loadmat(path, variable_names=("X", "y"))
    except OSError as error:
        raise UserError(f"dataset.root: {path} cannot be read: {error}") from error
    except Exception as error:  # damaged files raise anything
        raise UserError(f"dataset.root: {path} is no MATLAB file: {error}") from error
    images, labels = content.get("X"), content.get("y")
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[:3] != SIDES:
        raise UserError(f"dataset.root: {path} has no pictures of 32x32 RGB bytes in X")
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "ui":
        raise UserError(f"dataset.root: {path} has no whole numbers in y")
    numbers = torch.from_numpy(labels.astype(np.int64).ravel())
    if images.ndim != 4 or images.shape[3] != len(numbers):
        raise UserError(f"dataset.root: {path} has not one label for each picture")
    if len(numbers) == 0 or numbers.min() < 0 or numbers.max() > 10:
        raise UserError(f"dataset.root: {path} has labels outside 1 .. 10")
    return torch.from_numpy(np.ascontiguousarray(images.transpose(3, 2, 0, 1))), numbers % 10


def _joined(parts: list[tuple[torch.Tensor, torch.Tensor]], which: str) -> Pictures:
    labels = torch.cat([numbers for _, numbers in parts])
    names = [f"{which}/{index:06d}" for index in range(len(labels))]
    return Pictures(torch.cat([images for images, _ in parts]), labels, names)
