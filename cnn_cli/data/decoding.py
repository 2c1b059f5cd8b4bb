"""Pictures that stay in their files: worker processes read, decode and scale those of each step."""

import signal
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cnn_cli.data.contract import Batch, Preprocessing, Window
from cnn_cli.data.images import UnreadableImage, read_image
from cnn_cli.data.plan import Plan
from cnn_cli.errors import UserError

Unreadable = tuple[UnreadableImage, ...]


class Decoded:
    """A split whose pictures are decoded when a batch needs them.

    The workers do nothing else: what is random or can be batched happens afterwards, on the device,
    so that any number of workers (0 = in this process) gives the same batches.
    """

    crops = False

    def __init__(
        self,
        paths: Sequence[Path],
        labels: Tensor,
        names: Sequence[str],
        preprocessing: Preprocessing,
        workers: int,
    ) -> None:
        """One path, label (int64) and name for each picture; ValueError where counts differ."""
        if not len(paths) == len(labels) == len(names):
            raise ValueError(
                f"{len(paths)} paths, {len(labels)} labels and {len(names)} names do not match"
            )
        self.paths = paths
        self.labels = labels
        self.names = names
        self.preprocessing = preprocessing
        self.workers = workers
        self.device = torch.device("cpu")

    def __len__(self) -> int:
        return len(self.paths)

    def to(self, device: torch.device) -> Self:
        """The same pictures, with batches that arrive on `device`."""
        moved = type(self)(self.paths, self.labels, self.names, self.preprocessing, self.workers)
        moved.device = device
        return moved

    def batches(self, plan: Plan, start: int = 0, window: Window | None = None) -> Iterator[Batch]:
        """The batches of steps start .. plan.total - 1, never cropped (`crops` is False).

        Raises ValueError for a window or a plan of another number of pictures, and UserError on the
        way for files that cannot be read.
        """
        if window is not None:
            raise ValueError("these pictures are cropped after they are decoded, not before")
        if plan.n != len(self):
            raise ValueError(f"a plan for {plan.n} pictures cannot order {len(self)}")
        return (self._arrived(answer) for answer in self.stream(plan, start))

    def take(self, indices: Tensor) -> Batch:
        """The pictures at `indices` (any order, repeats allowed), read in this process; step 0.

        Raises UserError for files that cannot be read.
        """
        return self._arrived(self.decode(indices, 0))

    def stream(self, plan: Plan, start: int = 0) -> Iterator[Batch | Unreadable]:
        """Each step's batch on the CPU, or the files of it that cannot be read."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="This DataLoader will create")
            loader = DataLoader(
                _Steps(self, plan),
                sampler=range(start, plan.total),  # a step is what workers are asked for
                batch_size=None,
                num_workers=self.workers,  # as many as the user says, on any number of cores
                worker_init_fn=_ignore_signals,
                generator=torch.Generator(),  # else it draws a seed from the one of dropout
                pin_memory=self.device.type == "cuda",
            )
            return iter(loader)

    def decode(self, indices: Tensor, step: int) -> Batch | Unreadable:
        """One batch (B, C, S, S), channels last, decoded here and now."""
        size = self.preprocessing.size
        images = torch.empty(
            len(indices), size, size, self.preprocessing.channels, dtype=torch.uint8
        )
        unreadable = []
        for place, index in enumerate(indices.tolist()):
            try:
                picture = read_image(self.paths[index], self.preprocessing)
                images[place] = picture.permute(1, 2, 0)
            except UnreadableImage as error:
                unreadable.append(error)
        return tuple(unreadable) or Batch(images.permute(0, 3, 1, 2), self.labels[indices], step)

    def _arrived(self, answer: Batch | Unreadable) -> Batch:
        if not isinstance(answer, Batch):
            raise UserError(*(f"{error}; repair or remove it" for error in answer))
        images, labels = (part.to(self.device, non_blocking=True) for part in answer[:2])
        return Batch(images, labels, answer.step)


@dataclass(frozen=True)
class _Steps(Dataset[Batch | Unreadable]):
    """What a worker holds: it computes a step's indices itself, as they are a pure function."""

    split: Decoded
    plan: Plan

    def __getitem__(self, step: int) -> Batch | Unreadable:
        return self.split.decode(self.plan.indices(step), step)


def _ignore_signals(worker: int) -> None:  # noqa: ARG001 (torch passes it)
    """Ctrl-C and SIGTERM reach the whole process group, but only the main process answers them.

    It finishes the step, for which it needs its workers, and then ends them.
    """
    for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2"):
        if hasattr(signal, name):  # Windows has no SIGUSR1
            signal.signal(getattr(signal, name), signal.SIG_IGN)
