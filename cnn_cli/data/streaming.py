"""Pictures decoded once, in the order in which their paths come, however many those are."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from cnn_cli.data.contract import Preprocessing
from cnn_cli.data.decoding import Pulse, stream
from cnn_cli.data.images import UnreadableImage, read_image

Request = tuple[int, tuple[Path, ...]]
"""The number of the first of some paths, and the paths."""


class PartRead(NamedTuple):
    """What came of some paths."""

    images: Tensor
    """uint8 (M, C, S, S) of those that could be read, in order"""
    errors: dict[int, str]
    """place among the paths -> why it could not be read"""


def decoded(
    paths: Iterable[Path],
    preprocessing: Preprocessing,
    size: int,
    workers: int,
    *,
    pin: bool = False,
) -> Iterator[tuple[tuple[Path, ...], PartRead]]:
    """`size` paths at a time with what came of them, by `workers` processes (0 = in this one).

    Only a few parts are held at once: paths are asked for as the workers get to them. Where one
    part is all, no worker is started. Raises WorkerError for a worker that has died, or hangs.
    """
    parts = iter(_parts(paths, size))
    start = list(islice(parts, 2))
    workers = workers if len(start) == 2 else 0
    asked: deque[tuple[Path, ...]] = deque()
    known: dict[int, Path] = {}

    def requests() -> Iterator[Request]:
        number = 0
        for part in chain(start, parts):
            asked.append(part)
            known.update(enumerate(part, number))
            yield number, part
            number += len(part)

    pulse, done = Pulse(workers), 0
    reader = _Reader(preprocessing, pulse)
    for answer in stream(reader, requests(), workers, pulse, known, pin=pin):
        part = asked.popleft()
        yield part, answer
        for _ in part:
            del known[done]
            done += 1


def _parts(paths: Iterable[Path], size: int) -> Iterator[tuple[Path, ...]]:
    rest = iter(paths)
    while part := tuple(islice(rest, size)):
        yield part


@dataclass(frozen=True)
class _Reader(Dataset[PartRead]):
    """What a worker holds: it is asked for paths, and reads them."""

    preprocessing: Preprocessing
    pulse: Pulse

    def __getitem__(self, request: Request) -> PartRead:
        number, paths = request
        images: list[Tensor] = []
        errors: dict[int, str] = {}
        for place, path in enumerate(paths):
            self.pulse.beat(number + place)
            try:
                images.append(read_image(path, self.preprocessing))
            except UnreadableImage as error:
                errors[place] = _reason(path, error)
        self.pulse.rest()
        form = self.preprocessing
        empty = torch.empty(0, form.channels, form.size, form.size, dtype=torch.uint8)
        return PartRead(torch.stack(images) if images else empty, errors)


def _reason(path: Path, error: UnreadableImage) -> str:
    """Why a file could not be read; of a folder, that it is one."""
    if not path.is_dir():
        return error.reason
    try:
        os.scandir(path).close()
    except OSError as problem:
        return f"this folder cannot be listed: {problem.strerror}"
    return "a folder, not a picture; give images=FOLDER, or the names of its files"
