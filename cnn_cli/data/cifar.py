"""CIFAR-10 (A. Krizhevsky, 2009): 60,000 photographs of 32x32 pixels in ten classes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from cnn_cli.data.assemble import Pictures, resident_dataset
from cnn_cli.data.cifar_files import META, TEST, TRAIN, obtain
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.pickles import read_pickle
from cnn_cli.data.split import Limit, share, too_small
from cnn_cli.errors import UserError
from cnn_cli.limits import ProperFraction

PIXELS = 3 * 32 * 32


def cifar10(
    preprocessing: Preprocessing,
    *,
    root: str,
    url: str | None,
    verify: bool,
    val_fraction: ProperFraction,
    limit: Limit,
) -> Dataset:
    """CIFAR-10 from `root`, from another usual place, or downloaded to `root`.

    `url` replaces the known addresses. With `verify` every file must have its original bytes;
    without, others are accepted and a note says so. `val_fraction` in [0, 1) of the training
    pictures is validation. Raises UserError where the data is absent, damaged or not CIFAR-10.
    """
    folder, notes = obtain(Path(root).expanduser(), url, verify)
    classes = _classes(folder / META)
    whole = _read([folder / name for name in TRAIN], "train", len(classes))
    few = too_small(whole.labels, classes, 2 if val_fraction > 0 else 1)
    if few:
        raise UserError(f"dataset.root: {folder} has too little of {', '.join(few)}")
    train, val = whole.cut(share(len(whole.labels), val_fraction), "cifar10/val")
    parts = {"train": train, "val": val, "test": _read([folder / TEST], "test", len(classes))}
    return resident_dataset("cifar10", classes, parts, preprocessing, limit, notes)


def _classes(path: Path) -> tuple[str, ...]:
    meta = _content(path)
    names = meta.get("label_names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"dataset.root: {path} has no list of class names")
    return tuple(names)


def _read(paths: list[Path], which: str, classes: int) -> Pictures:
    """The batches in `paths`, one after the other."""
    batches = [_batch(path, classes) for path in paths]
    pixels = np.concatenate([data for data, _ in batches])
    labels = torch.tensor([label for _, labels in batches for label in labels], dtype=torch.int64)
    names = [f"{which}/{index:05d}" for index in range(len(labels))]
    return Pictures(torch.from_numpy(pixels).view(-1, 3, 32, 32), labels, names)


def _batch(path: Path, classes: int) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], list[int]]:
    """((n, 3072) uint8 in the order channel, row, column; n labels)."""
    batch = _content(path)
    data, labels = batch.get("data"), batch.get("labels")
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
        raise UserError(f"dataset.root: {path} is no CIFAR-10 file")
    return content
