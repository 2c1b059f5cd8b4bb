"""Seconds of training to a test accuracy on Fashion-MNIST: cnn-train and the tutorial's network.

The tutorial's network and loop (batches of 64, no augmentation, Adam or SGD) run once and are
evaluated after each epoch. cnn-train's rate falls to zero at the end of a training, so its points
are whole trainings of `experiment=fashion_mnist_fast`, fitted into times that are given before.
Both stop at the highest level; neither reading, starting nor evaluating is in the seconds. The test
pictures are looked at here: nothing may be chosen by these figures.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import common
from benchmarks.competitors import cnn_train, script, write_pictures

LEVELS = (0.88, 0.90, 0.91)
"""Shares of the test pictures that are right."""
BUDGETS = (5, 10, 15, 20, 30, 45, 60)
"""Seconds of cnn-train's trainings."""
EPOCHS, BATCH = 15, 64
"""At most, of the tutorial's loop; pictures a step."""
TRIED = 6_400
"""Training pictures of the trials that choose the DataLoader's workers."""
WORKERS = ("0", "1", "2")
WAYS = ("cnn-train", "adam", "sgd")
Point = tuple[float, float]
"""Seconds of training, test accuracy."""


def measure(names: list[str], rounds: int, data: Path | None, threads: int) -> common.Rows:
    """Each way in turn; round n has seed n."""
    common.refuse_unknown(names, dict.fromkeys(WAYS))
    torch.set_num_threads(threads)  # nothing is computed here; the table's header tells it
    wanted = [name for name in WAYS if name in names] or list(WAYS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.npz"
        root = data or Path("~/.cache/cnn-train").expanduser()
        write_pictures("tutorial-cnn", root, {}, file)
        workers = _best_workers(root, threads) if set(wanted) - {"cnn-train"} else ""
        seeds = {name: iter(range(rounds)) for name in wanted}
        ways = {
            name: lambda name=name: (
                _own_points(root, threads, next(seeds[name]))
                if name == "cnn-train"
                else _tutorial_points(file, name, workers, threads, next(seeds[name]))
            )
            for name in wanted
        }
        found: dict[str, list[Any]] = common.take_turns(ways, rounds, warm_up=0)
    return made_rows(found, workers)


def show(rows: common.Rows, rounds: int) -> None:
    def level(accuracy: float) -> Callable[[Any], str]:
        return lambda row: _told(row["levels"][f"{accuracy:.2f}"])

    common.show(
        "seconds of training to a test accuracy on Fashion-MNIST",
        {
            "way": lambda row: row["way"],
            "workers": lambda row: row["workers"],
            **{f"{accuracy:.0%}": level(accuracy) for accuracy in LEVELS},
        },
        rows,
        f"n = {rounds} seeds, median (spread) and how often cnn-train's time; - = not reached",
    )


def reached(points: Sequence[Point], accuracy: float) -> float | None:
    """Seconds of the first point that is as accurate; None where none is."""
    return next((seconds for seconds, found in points if found >= accuracy), None)


def made_rows(found: dict[str, list[Any]], workers: str) -> common.Rows:
    """A row for each way; its ratios are to cnn-train's seconds, None where one did not arrive."""
    rows: common.Rows = []
    for name, runs in found.items():
        levels: dict[str, Any] = {}
        for accuracy in LEVELS:
            times = [reached(points, accuracy) for points in runs]
            key = f"{accuracy:.2f}"
            levels[key] = _level([time for time in times if time is not None], len(runs))
            own = rows[0]["levels"][key]["seconds"] if "cnn-train" in found and rows else None
            seconds = levels[key]["seconds"]
            levels[key]["ratio"] = seconds / own if own and seconds else None
        used = "-" if name == "cnn-train" else workers
        rows.append({"way": name, "workers": used, "levels": levels, "points": runs})
    return rows


def _level(times: Sequence[float], runs: int) -> dict[str, Any]:
    """Median and spread, where every run arrived."""
    if len(times) < runs:
        return {"seconds": None, "spread": None, "arrived": len(times)}
    return {
        "seconds": statistics.median(times),
        "spread": list(common.spread(times)[1:]),
        "arrived": runs,
    }


def _told(level: dict[str, Any]) -> str:
    if level["seconds"] is None:
        return f"- ({level['arrived']} arrived)" if level["arrived"] else "-"
    low, high = level["spread"]
    ratio = f" {level['ratio']:.1f} x" if level["ratio"] else ""
    return f"{level['seconds']:.0f} ({low:.0f} - {high:.0f}){ratio}"


def _own_points(root: Path, threads: int, seed: int) -> list[Point]:
    points: list[Point] = []
    for seconds in BUDGETS:
        words = [
            "experiment=fashion_mnist_fast", f"dataset.root={root}", "dataset.verify=false",
            f"trainer.budget={seconds}s", f"seed={seed}", "require.accuracy=null",
            "device=cpu", f"device.threads={threads}",
        ]  # fmt: skip
        with tempfile.TemporaryDirectory() as place:
            made = cnn_train(words, Path(place), threads)
        points.append((made["train_seconds"], made["accuracy"]))
        if made["accuracy"] >= LEVELS[-1]:
            break
    return points


def _tutorial_points(
    file: Path, optimizer: str, workers: str, threads: int, seed: int, epochs: int = EPOCHS
) -> list[Point]:
    with tempfile.TemporaryDirectory() as place:
        made = script(
            "tutorial_accuracy", "tutorial-cnn", file, Path(place) / "out", threads,
            [
                "--epochs", str(epochs), "--batch-size", str(BATCH), "--workers", workers,
                "--seed", str(seed), "--optimizer", optimizer, "--until", str(LEVELS[-1]),
            ],
            python=sys.executable,
        )  # fmt: skip
    return [(seconds, accuracy) for seconds, accuracy in made["points"]]


def _best_workers(root: Path, threads: int) -> str:
    """The DataLoader's number of workers that is fastest for an epoch of a few pictures."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.npz"
        write_pictures("tutorial-cnn", root, {"train": TRIED, "test": 64}, file)
        seconds = {
            workers: _tutorial_points(file, "sgd", workers, threads, 0, epochs=1)[0][0]
            for workers in WORKERS
        }
    return min(seconds, key=lambda workers: seconds[workers])
