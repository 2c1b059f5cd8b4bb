"""Which pictures a page shows, and their small copies inside it."""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnn_cli.data.contract import Split
from cnn_cli.visualize.confusion import confused_pairs

if TYPE_CHECKING:
    from cnn_cli.engine.predict import Predictions

Ints = NDArray[np.int64]

BYTES = 3_300_000
"""Characters that all pictures of a page may take, in base64; the page stays below 5 MB."""
SIDE, EXACT = 96, 48
"""Pixels of a small copy at most; up to EXACT a picture is kept pixel by pixel."""
MISTAKES, SUSPECTS = 36, 18
CELLS, IN_CELL = 100, 6
"""Cells of the confusion matrix that show examples, and how many each."""
WITH_RIGHT = 30
"""Classes up to which the cells of right answers have examples too."""


@dataclass
class Album:
    """Pictures as data URIs, by their number in the split; each is there once."""

    pictures: dict[int, str] = field(default_factory=dict)
    size: int = 0

    def add(self, split: Split, wanted: Iterable[int]) -> None:
        """Take those that are not there yet, in order, until BYTES are used up."""
        new = [index for index in dict.fromkeys(wanted) if index not in self.pictures]
        for start in range(0, len(new), 64):
            some = new[start : start + 64]
            if self.size >= BYTES:
                return
            images = split.take(torch.tensor(some)).images.cpu()
            for index, image in zip(some, images, strict=True):
                uri = encoded(image)
                if self.size + len(uri) > BYTES:
                    return
                self.pictures[index] = uri
                self.size += len(uri)


def encoded(image: Tensor) -> str:
    """uint8 (C, H, W) as a data URI: PNG where small, else JPEG of SIDE pixels at most."""
    from PIL import Image

    pixels = image.numpy()
    grey = pixels.shape[0] != 3
    whole = Image.fromarray(pixels[0] if grey else pixels.transpose(1, 2, 0))
    kind, options = "PNG", dict[str, Any](optimize=True)
    if max(whole.size) > EXACT:
        whole.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        kind, options = "JPEG", {"quality": 82}
    file = io.BytesIO()
    whole.save(file, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def losses(predictions: "Predictions") -> NDArray[np.float64]:
    """(N,) minus the probability of each picture's class: the worst are the largest."""
    rows = np.arange(len(predictions.labels))
    return -predictions.probabilities[rows, predictions.labels]


def worst_first(predictions: "Predictions", among: Ints, limit: int) -> list[int]:
    """Those of the pictures `among` that their class has the least probability of."""
    order = np.argsort(-losses(predictions)[among], kind="stable")
    found: list[int] = among[order][:limit].tolist()
    return found


def mistakes(predictions: "Predictions") -> list[int]:
    """The wrong pictures with the highest loss."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    return worst_first(predictions, wrong, MISTAKES)


def cells(predictions: "Predictions", counts: Ints) -> dict[tuple[int, int], list[int]]:
    """(true, predicted) -> its worst pictures, for the CELLS fullest cells of mistakes.

    Of up to WITH_RIGHT classes those of right answers too, where the least sure come first.
    """
    shown = confused_pairs(counts, CELLS)
    if len(counts) <= WITH_RIGHT:
        shown += [(place, place) for place in range(len(counts)) if counts[place, place]]
    classes = len(counts)
    keys = predictions.labels * classes + predictions.predicted
    order = np.argsort(keys, kind="stable")
    starts = np.searchsorted(keys[order], [t * classes + p for t, p in shown])
    ends = np.searchsorted(keys[order], [t * classes + p for t, p in shown], side="right")
    return {
        cell: worst_first(predictions, order[start:end], IN_CELL)
        for cell, start, end in zip(shown, starts, ends, strict=True)
    }


def in_turn(lists: Sequence[Sequence[int]]) -> list[int]:
    """The first of each, then the second of each, ...: what is left out is least missed."""
    longest = max(map(len, lists), default=0)
    return [one[place] for place in range(longest) for one in lists if place < len(one)]
