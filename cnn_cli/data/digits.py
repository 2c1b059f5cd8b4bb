"""scikit-learn's digits: 1,797 real handwritten digits of 8x8 pixels, bundled with the library."""

import numpy as np
import torch

from cnn_cli.data.assemble import Pictures, resident_dataset
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.data.selection import Selection
from cnn_cli.data.split import share
from cnn_cli.limits import ProperFraction

TEST_SIZE = 360
"""Pictures set aside for the test, always the same ones: results stay comparable."""


def digits(
    preprocessing: Preprocessing, *, val_fraction: ProperFraction, selection: Selection
) -> Dataset:
    """The digits of E. Alpaydin and C. Kaynak (UCI, 1998): 360 for the test, the rest to train.

    `val_fraction` in [0, 1) of the rest is validation. Grey levels 0 .. 16 become 0 .. 255.
    Raises UserError for a selection that cannot be made.
    """
    raw = _load()
    learning, test = raw.cut(TEST_SIZE, "digits/test")
    train, val = learning.cut(share(len(learning.labels), val_fraction), "digits/val")
    parts = {"train": train, "val": val, "test": test}
    return resident_dataset("digits", tuple("0123456789"), parts, preprocessing, selection)


def _load() -> Pictures:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    levels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    names = [f"digits/{index:04d}" for index in range(len(labels))]
    return Pictures(torch.from_numpy(levels)[:, None], labels, names)
