"""What can be measured of a picture itself: how bright, contrasty, sharp and large it is."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cnn_cli.data.contract import Batch, Split, Window
from cnn_cli.data.plan import Plan

Floats = NDArray[np.float64]

LUMA = (0.299, 0.587, 0.114)
"""ITU-R 601, by which RGB becomes grey."""


class Watched:
    """`split`, whose pictures are measured as they pass by: none is decoded a second time."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self._measured: list[Tensor] = []

    @property
    def labels(self) -> Tensor:
        return self._split.labels

    @property
    def names(self) -> Sequence[str]:
        return self._split.names

    @property
    def paths(self) -> Sequence[Path] | None:
        return self._split.paths

    @property
    def crops(self) -> bool:
        return self._split.crops

    def __len__(self) -> int:
        return len(self._split)

    def to(self, device: torch.device) -> Self:
        return type(self)(self._split.to(device))

    def batches(self, plan: Plan, start: int = 0, window: Window | None = None) -> Iterator[Batch]:
        for batch in self._split.batches(plan, start, window):
            self._measured.append(measure(batch.images))
            yield batch

    def take(self, indices: Tensor) -> Batch:
        return self._split.take(indices)

    def traits(self) -> dict[str, Floats]:
        """Brightness, contrast and sharpness of the pictures that have passed, in their order."""
        rows = torch.cat(self._measured).cpu().double().numpy()
        return {name: rows[:, place] for place, name in enumerate(NAMES)}


NAMES = ("brightness", "contrast", "sharpness")
"""What `measure` gives, in its order."""


def measure(images: Tensor) -> Tensor:
    """uint8 (N, C, H, W) -> float (N, 3): mean and standard deviation of the grey values, in
    [0, 1], and the standard deviation of their Laplacian: small where a picture is blurred
    (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy").
    """
    weights = torch.tensor(LUMA, device=images.device)
    values = images.float() / 255
    grey = (values * weights.view(1, 3, 1, 1)).sum(1) if images.shape[1] == 3 else values.mean(1)
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]], device=images.device)
    edges = F.conv2d(F.pad(grey[:, None], (1,) * 4, "replicate"), kernel.view(1, 1, 3, 3))
    flat = grey.flatten(1)
    return torch.stack(
        [flat.mean(1), flat.std(1, correction=0), edges.flatten(1).std(1, correction=0)], 1
    )


def sizes(paths: Sequence[Path]) -> Floats:
    """(N,) the shorter side of each file's picture in pixels, before it was scaled; NaN where its
    header cannot be read.
    """
    from PIL import Image

    found = np.full(len(paths), np.nan)
    for place, path in enumerate(paths):
        try:
            with Image.open(path) as image:
                found[place] = min(image.size)
        except Exception:  # noqa: BLE001  decoders raise anything; it was read before, or told
            continue
    return found
