"""Pictures that live in memory as one uint8 tensor: a batch is one index operation."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from cnn_cli.data.contract import Batch, Window
from cnn_cli.data.plan import Plan
from cnn_cli.data.windows import cut, pad

Gather = Callable[[Tensor, int], Tensor]
"""(indices (B,), step) -> the pictures of that step, (B, H, W, C) uint8."""

DEVICE_SHARE = 0.5
"""Largest part of a GPU's free memory that pictures, with one padded copy, may take."""


class Resident:
    """A split held in memory as (N, H, W, C), given out as channels-last views (B, C, H, W)."""

    crops = True

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        names: Sequence[str],
        paths: Sequence[Path] | None = None,
    ) -> None:
        """images (N, C, H, W) uint8; labels (N,) int64; one name a picture, and its file if any.

        Raises ValueError where these do not fit together.
        """
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise ValueError(f"images must be uint8 (N, C, H, W), not {_kind(images)}")
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise ValueError(f"labels must be int64 ({len(images)},), not {_kind(labels)}")
        if len(names) != len(images):
            raise ValueError(f"{len(names)} names for {len(images)} pictures")
        self.labels = labels.cpu()
        self.names = names
        self.paths = paths
        self.device = images.device
        self._images = images.permute(0, 2, 3, 1).contiguous()
        self._labels = labels.to(images.device)

    def __len__(self) -> int:
        return len(self._images)

    def to(self, device: torch.device) -> Self:
        """The same pictures on `device`; a GPU short of memory gets them batch by batch."""
        if device == self.device:
            return self
        moved = type(self)(self._images.permute(0, 3, 1, 2), self.labels, self.names, self.paths)
        moved.device = device
        moved._labels = self.labels.to(device)
        if _fits(moved._images, device):
            moved._images = moved._images.to(device)
        elif device.type == "cuda":
            moved._images = moved._images.pin_memory()
        return moved

    def batches(self, plan: Plan, start: int = 0, window: Window | None = None) -> Iterator[Batch]:
        """The batches of steps start .. plan.total - 1, cropped where a window is given.

        Raises ValueError for a plan of another number of pictures, or a window that does not fit.
        """
        if plan.n != len(self):
            raise ValueError(f"a plan for {plan.n} pictures cannot order {len(self)}")
        gather = self._whole if window is None else self._windows(window)
        return (self._batch(plan.indices(step), step, gather) for step in range(start, plan.total))

    def take(self, indices: Tensor) -> Batch:
        """The pictures at `indices` (any order, repeats allowed), uncropped; step 0."""
        return self._batch(indices, 0, self._whole)

    def _batch(self, indices: Tensor, step: int, gather: Gather) -> Batch:
        """Indices go to where the pictures are, the pictures to `device`: mostly the same place."""
        images = gather(indices.to(self._images.device, non_blocking=True), step)
        labels = self._labels.index_select(0, indices.to(self.device, non_blocking=True))
        return Batch(images.to(self.device, non_blocking=True).permute(0, 3, 1, 2), labels, step)

    def _whole(self, indices: Tensor, step: int) -> Tensor:  # noqa: ARG002 (a Gather)
        return self._images.index_select(0, indices)  # [indices] goes item by item on a CPU

    def _windows(self, window: Window) -> Gather:
        """Windows of the padded pictures, cut as they are gathered: no per-picture work."""
        _, height, width, _ = self._images.shape
        padded = pad(self._images, window.padding, window.fill)

        def gather(indices: Tensor, step: int) -> Tensor:
            corners = window.offsets(step, len(indices)).to(indices.device, non_blocking=True)
            return cut(padded, (height, width), indices, corners)

        return gather


def _fits(images: Tensor, device: torch.device) -> bool:
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return 2 * images.nbytes <= DEVICE_SHARE * free


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
