"""Pictures a second, and memory, as the data grow: in memory, and as files that workers decode.

Files are links to a thousand real ones, so that a hundred times the data is quickly there.
"""

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from benchmarks import common
from cnn_cli.augmentation.geometry import HorizontalFlip, PaddedCrop
from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.data.contract import Preprocessing, Split
from cnn_cli.data.decoding import Decoded
from cnn_cli.data.plan import Plan
from cnn_cli.data.resident import Resident
from cnn_cli.device import keep_memory

SMALL, SIZE, BATCH = 1000, 32, 100
TIMES = (1, 10, 100)
STEPS = {"memory": 400, "files": 60}
"""Batches that are timed, and before them a tenth as many that are not."""


def measure(names: list[str], rounds: int) -> common.Rows:
    """Both sources at each size; files with 0, 1 and 2 workers."""
    ways = {"memory": ((0,),), "files": ((0,), (1,), (2,))}
    common.refuse_unknown(names, ways)
    rows = []
    for source in names or ways:
        for (workers,) in ways[source]:
            with _folder() as root:
                kinds = {
                    f"{times}": lambda times=times, source=source, workers=workers, root=root: (
                        common.in_process(lambda: _rate(source, times, workers, root))
                    )
                    for times in TIMES
                }
                found: dict[str, list[Any]] = common.take_turns(kinds, rounds, warm_up=0)
            for times, values in found.items():
                middle, low, high = common.spread([rate for rate, _ in values])
                rows.append(
                    {
                        "source": source,
                        "workers": workers,
                        "pictures": SMALL * int(times),
                        "rate": middle,
                        "quartiles": [low, high],
                        "memory_mb": max(memory for _, memory in values),
                    }
                )
    return rows


def show(rows: common.Rows, rounds: int) -> None:
    common.show(
        f"pictures a second at {SIZE}x{SIZE}, crop and flip",
        {
            "source": lambda row: row["source"],
            "workers": lambda row: str(row["workers"]),
            "pictures": lambda row: f"{row['pictures']:,}",
            "images/s": lambda row: f"{row['rate']:,.0f}",
            "spread": lambda row: "{:,.0f} - {:,.0f}".format(*row["quartiles"]),
            "memory": lambda row: f"{row['memory_mb']:,.0f} MB",
        },
        rows,
        f"n = {rounds}",
    )


@contextmanager
def _folder() -> Iterator[Path]:
    """SMALL JPEG files of noise."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        torch.manual_seed(0)
        for number in range(SMALL):
            pixels = torch.randint(256, (SIZE, SIZE, 3), dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).save(root / f"{number}.jpg")
        for copy in range(1, max(TIMES)):
            for number in range(SMALL):
                os.link(root / f"{number}.jpg", root / f"{copy}-{number}.jpg")
        yield root


def _rate(source: str, times: int, workers: int, root: Path) -> tuple[float, float]:
    """(pictures a second, MB of this process and its workers at their largest)."""
    torch.set_num_threads(1)
    keep_memory()
    count = SMALL * times
    split = _in_memory(count) if source == "memory" else _on_disk(root, count, workers)
    ops = {"crop": PaddedCrop(2, "reflect"), "flip": HorizontalFlip(True, 0.5)}
    augmentation = Augmentation(ops, 0)
    window = augmentation.window(SIZE) if split.crops else None
    steps = STEPS[source]
    plan = Plan(count, BATCH, epochs=1 + 2 * steps * BATCH // count, seed=0)
    one_hot = torch.eye(10)
    start = 0.0
    for number, batch in enumerate(split.batches(plan, 0, window)):
        if number == steps // 10:
            start = time.perf_counter()
        augmentation(batch.images, one_hot[batch.labels], batch.step, window is not None)
        if number == steps // 10 + steps:
            break
    seconds = time.perf_counter() - start
    return steps * BATCH / seconds, _memory()


def _memory() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (own + children) / 1000


def _in_memory(count: int) -> Split:
    images = torch.randint(256, (count, 3, SIZE, SIZE), dtype=torch.uint8)
    return Resident(images, torch.arange(count) % 10, [""] * count)


def _on_disk(root: Path, count: int, workers: int) -> Split:
    paths = sorted(root.iterdir())[:count]
    labels = torch.arange(count) % 10
    form = Preprocessing(3, SIZE, "crop", (0.5,) * 3, (0.25,) * 3)
    return Decoded(paths, labels, [path.name for path in paths], form, workers)
