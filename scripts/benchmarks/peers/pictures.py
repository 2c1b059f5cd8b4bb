"""A data set for cnn-train from the file that the other programs read."""

from pathlib import Path

import numpy as np
import torch

from cnn_cli.data.assemble import Pictures, resident_dataset
from cnn_cli.data.contract import Dataset, Preprocessing


def pictures(preprocessing: Preprocessing, *, file: str) -> Dataset:
    """The train and test pictures of an .npz; none for validation."""
    with np.load(Path(file)) as arrays:
        images = {part: torch.from_numpy(arrays[f"{part}_images"]) for part in ("train", "test")}
        labels = {part: torch.from_numpy(arrays[f"{part}_labels"]) for part in ("train", "test")}
    parts = {
        part: Pictures(
            images[part], labels[part], [f"{part}/{i}" for i in range(len(labels[part]))]
        )
        for part in images
    }
    parts["val"] = Pictures(images["test"][:0], labels["test"][:0], [])
    classes = tuple(f"class {number}" for number in range(int(labels["train"].max()) + 1))
    return resident_dataset("pictures", classes, parts, preprocessing)
