"""EMNIST (Cohen et al. 2017): handwritten letters and digits in the form of MNIST."""

import string
from dataclasses import replace
from pathlib import Path
from typing import Literal

from cnn_cli.data.archived import Archive, find_folder, obtain
from cnn_cli.data.assemble import Pictures, resident_dataset
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.mnist import read_pictures
from cnn_cli.data.selection import Selection
from cnn_cli.data.split import share, too_small
from cnn_cli.errors import UserError
from cnn_cli.limits import ProperFraction

EMNIST = Archive(
    title="EMNIST",
    folder="EMNIST/raw",
    name="gzip.zip",
    size=None,
    md5="58c8d27c78d21e728a6bc7b3cc06412e",
    urls=("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",),
    files={},
)
"""The archive has all six sets; `files` are those of the set that is asked for."""
ALIKE = "cijklmopsuvwxyz"
"""Letters whose two forms differ in size alone, and which some sets therefore merge."""
CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
MERGED = "".join(c for c in CHARACTERS if c not in ALIKE)
CLASSES = {
    "balanced": MERGED,
    "bymerge": MERGED,
    "byclass": CHARACTERS,
    "letters": string.ascii_lowercase,
    "digits": string.digits,
    "mnist": string.digits,
}


def emnist(
    preprocessing: Preprocessing,
    *,
    root: str,
    url: str | None,
    verify: bool,
    split: Literal["balanced", "byclass", "bymerge", "letters", "digits", "mnist"],
    val_fraction: ProperFraction,
    selection: Selection,
) -> Dataset:
    """One of EMNIST's six sets from `root`, another usual place, or downloaded to `root`.

    `byclass` has 62 classes, `balanced` and `bymerge` 47 (letters that look alike in both forms are
    one), `letters` 26 of either form. The files hold the pictures lying on their side; here they
    stand upright. `url` replaces the known address of gzip.zip, whose bytes `verify` checks; files
    that are unpacked already have no known checksum. `val_fraction` in [0, 1) of the training
    pictures is validation. Raises UserError where the data is absent or damaged.
    """
    folder, files, notes = _files(split, Path(root).expanduser(), url, verify)
    classes = tuple(CLASSES[split])
    first = 1 if split == "letters" else 0
    whole, test = (
        _upright(read_pictures(folder / images, folder / labels, which, len(classes), first))
        for which, (images, labels) in (("train", files[:2]), ("test", files[2:]))
    )
    few = too_small(whole.labels, classes, 2 if val_fraction > 0 else 1)
    if few:
        raise UserError(f"dataset.root: {folder} has too little of {', '.join(few)}")
    train, val = whole.cut(share(len(whole.labels), val_fraction), f"emnist-{split}/val")
    parts = {"train": train, "val": val, "test": test}
    return resident_dataset(f"emnist-{split}", classes, parts, preprocessing, selection, notes)


def _files(
    split: str, root: Path, url: str | None, verify: bool
) -> tuple[Path, list[str], list[str]]:
    """(folder, the four files, notes): unpacked by others as torchvision does, or the .gz."""
    kinds = ("train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1")
    plain = [f"emnist-{split}-{kind}-ubyte" for kind in kinds]
    folder = find_folder(replace(EMNIST, files=dict.fromkeys(plain)), root, verify)
    if folder is not None:
        return folder, plain, []
    packed = [f"{name}.gz" for name in plain]
    folder, notes = obtain(replace(EMNIST, files=dict.fromkeys(packed)), root, url, verify)
    return folder, packed, notes


def _upright(pictures: Pictures) -> Pictures:
    return pictures._replace(images=pictures.images.transpose(2, 3).contiguous())
