"""STL-10 (Coates et al. 2011): 13,000 labelled photographs of 96x96 pixels in ten classes."""

from pathlib import Path

import numpy as np
import torch

from cnn_cli.data.archived import Archive, obtain
from cnn_cli.data.assemble import Pictures, resident_dataset
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.selection import Selection
from cnn_cli.data.split import share, too_small
from cnn_cli.errors import UserError
from cnn_cli.limits import ProperFraction

SHAPE = (3, 96, 96)
NAMES = "class_names.txt"
STL10 = Archive(
    title="STL-10",
    folder="stl10_binary",
    name="stl10_binary.tar.gz",
    size=None,
    md5="91f7769df0f17e558f3565bffb0c7dfb",
    urls=("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",),
    files={
        "train_X.bin": "918c2871b30a85fa023e0c44e0bee87f",
        "train_y.bin": "5a34089d4802c674881badbb80307741",
        "test_X.bin": "7f263ba9f9e0b06b93213547f721ac82",
        "test_y.bin": "36f9794fa4beb8a2c72628de14fa638e",
        NAMES: None,
    },
)


def stl10(
    preprocessing: Preprocessing,
    *,
    root: str,
    url: str | None,
    verify: bool,
    val_fraction: ProperFraction,
    selection: Selection,
) -> Dataset:
    """STL-10's labelled pictures from `root`, another usual place, or downloaded to `root`.

    5,000 are for training and 8,000 for the test; the 100,000 without labels are left in the
    archive. `url` replaces the known address; with `verify` every file must have its original
    bytes. `val_fraction` in [0, 1) of the training pictures is validation. Raises UserError where
    the data is absent or damaged.
    """
    folder, notes = obtain(STL10, Path(root).expanduser(), url, verify)
    classes = _classes(folder / NAMES)
    whole, test = (_read(folder, which, len(classes)) for which in ("train", "test"))
    few = too_small(whole.labels, classes, 2 if val_fraction > 0 else 1)
    if few:
        raise UserError(f"dataset.root: {folder} has too little of {', '.join(few)}")
    train, val = whole.cut(share(len(whole.labels), val_fraction), "stl10/val")
    parts = {"train": train, "val": val, "test": test}
    return resident_dataset("stl10", classes, parts, preprocessing, selection, notes)


def _classes(path: Path) -> tuple[str, ...]:
    names = tuple(path.read_text(encoding="utf-8", errors="replace").split())
    if not names:
        raise UserError(f"dataset.root: {path} has no names of classes")
    return names


def _read(folder: Path, which: str, classes: int) -> Pictures:
    """Pictures lie column by column, and classes are numbered from 1."""
    pixels = _bytes(folder / f"{which}_X.bin")
    labels = _bytes(folder / f"{which}_y.bin")
    if len(pixels) != len(labels) * SHAPE[0] * SHAPE[1] * SHAPE[2]:
        raise UserError(
            f"dataset.root: {folder} has not one picture of 96x96 RGB bytes for each of the "
            f"{len(labels):,} labels in {which}_y.bin"
        )
    if len(labels) == 0 or labels.min() < 1 or labels.max() > classes:
        raise UserError(f"dataset.root: {folder}/{which}_y.bin has labels outside 1 .. {classes}")
    images = torch.from_numpy(pixels).view(-1, *SHAPE).transpose(2, 3)
    names = [f"{which}/{index:05d}" for index in range(len(labels))]
    return Pictures(images, torch.tensor(labels, dtype=torch.int64) - 1, names)


def _bytes(path: Path) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    try:
        return np.fromfile(path, np.uint8)
    except OSError as error:
        raise UserError(f"dataset.root: {path} cannot be read: {error.strerror}") from error
