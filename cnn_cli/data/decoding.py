"""Pictures that stay in their files: worker processes read, decode and scale those of each step."""

import os
import re
import signal
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from cnn_cli.data.contract import Batch, Preprocessing, Window
from cnn_cli.data.images import UnreadableImage, read_image
from cnn_cli.data.plan import Plan
from cnn_cli.errors import UserError, WorkerError

Unreadable = tuple[UnreadableImage, ...]
Answer = TypeVar("Answer", covariant=True)

PATIENCE = 8.0
"""Seconds that one picture may take a worker before it counts as hung."""
LOOK_EVERY = 2.0
"""Seconds between looks at workers that have nothing to give yet."""


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
        pulse = Pulse(self.workers)
        steps = _Steps(self, plan, pulse)
        pin = self.device.type == "cuda"
        # a step is what workers are asked for
        return stream(steps, range(start, plan.total), self.workers, pulse, self.paths, pin=pin)

    def decode(
        self, indices: Tensor, step: int, pulse: "Pulse | None" = None
    ) -> Batch | Unreadable:
        """One batch (B, C, S, S), channels last, decoded here and now."""
        size = self.preprocessing.size
        images = torch.empty(
            len(indices), size, size, self.preprocessing.channels, dtype=torch.uint8
        )
        unreadable = []
        for place, index in enumerate(indices.tolist()):
            if pulse is not None:
                pulse.beat(index)
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
    pulse: "Pulse"

    def __getitem__(self, step: int) -> Batch | Unreadable:
        answer = self.split.decode(self.plan.indices(step), step, self.pulse)
        self.pulse.rest()
        return answer


class Pulse:
    """What each worker is at, in memory that the main process sees: no message has to arrive."""

    def __init__(self, workers: int) -> None:
        # process, picture (-1 = none), time of its start in milliseconds of the monotonic clock
        self._rows = torch.full((max(workers, 1), 3), -1, dtype=torch.int64)
        self._rows.share_memory_()  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def beat(self, picture: int) -> None:
        """In a worker: it starts to read that picture."""
        self._note(picture)

    def rest(self) -> None:
        """In a worker: it has finished a batch."""
        self._note(-1)

    def _note(self, picture: int) -> None:
        worker = get_worker_info()
        if worker is not None:
            now = int(1000 * time.monotonic())
            self._rows[worker.id] = torch.tensor([os.getpid(), picture, now])

    def stuck(self) -> int:
        """The process that has been at one picture for longer than PATIENCE; 0 where none is."""
        now = 1000 * time.monotonic()
        for process, picture, start in self._rows.tolist():
            if picture >= 0 and now - start > 1000 * PATIENCE:
                return int(process)
        return 0

    def told(self, paths: Sequence[Path] | Mapping[int, Path], process: int, what: str) -> str:
        """Which worker, by number and process, and the file that it was reading."""
        for number, (own, picture, _) in enumerate(self._rows.tolist()):
            if own == process:
                at = f" while it read {paths[picture]}" if picture >= 0 else ""
                return f"worker {number} (process {process}) {what}{at}"
        return f"a worker (process {process}) {what}"


def stream(
    dataset: Dataset[Answer],
    requests: Iterable[Any],
    workers: int,
    pulse: Pulse,
    paths: Sequence[Path] | Mapping[int, Path],
    *,
    pin: bool,
) -> Iterator[Answer]:
    """dataset[request] for each of `requests`, in order, by `workers` processes ahead of time.

    The workers say in `pulse` at which of `paths` they are. Raises WorkerError for one that has
    died, or hangs.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        loader = DataLoader(
            dataset,
            sampler=requests,
            batch_size=None,
            num_workers=workers,  # as many as the user says, on any number of cores
            worker_init_fn=_start_worker,
            timeout=LOOK_EVERY if workers else 0,
            generator=torch.Generator(),  # else it draws a seed from the one of dropout
            pin_memory=pin,
        )
        return _watched(_quietly(loader), pulse, paths)


def _watched(
    source: Iterator[Answer], pulse: Pulse, paths: Sequence[Path] | Mapping[int, Path]
) -> Iterator[Answer]:
    """The answers of `source`. Raises WorkerError for a worker that has died, or hangs."""
    while True:
        try:
            answer = next(source, None)
        except (EOFError, ConnectionError):
            continue  # a worker has died as it handed a batch over, which the next look finds out
        except RuntimeError as error:
            if "timed out" not in str(error):
                died = re.search(r"worker \(pid(?:\(s\))? (\d+)", str(error))
                if not died:
                    raise
                raise WorkerError(pulse.told(paths, int(died[1]), "has died")) from error
            if stuck := pulse.stuck():
                os.kill(stuck, signal.SIGKILL)  # it may hear of nothing else any more
                what = f"has been at it for {PATIENCE:.0f} s"
                raise WorkerError(pulse.told(paths, stuck, what)) from error
            continue  # slow, but each picture of its batch takes less than that
        if answer is None:
            return
        yield answer


def _quietly(loader: DataLoader[Answer]) -> Iterator[Answer]:
    """Its workers started. A death is then seen where the next batch is waited for, and only there.

    torch's own handler would raise in the middle of a step.
    """
    child = getattr(signal, "SIGCHLD", None)  # Windows has none
    before = signal.getsignal(child) if child is not None else None
    source = iter(loader)
    if child is not None and signal.getsignal(child) is not before:
        signal.signal(child, before)
    return source


def _start_worker(worker: int) -> None:  # noqa: ARG001 (torch passes it)
    """Ctrl-C and SIGTERM reach the whole process group, but only the main process answers them.

    It finishes the step, for which it needs its workers, and then ends them.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"):
        if hasattr(signal, name):  # Windows has no SIGUSR1
            signal.signal(getattr(signal, name), signal.SIG_IGN)
