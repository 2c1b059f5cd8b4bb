"""From the shell to an answer: help, version, the composed config, the first step of a training.

Every way is a process of its own, started as a shell starts it; `import torch` beside them is what
no program that trains can be faster than.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import common

COMMAND = (sys.executable, "-m", "cnn_cli")
TRAINING = (
    "dataset=digits", "augmentation=none", "trainer.checkpoint_every=1",
    "trainer.tensorboard=false",
)  # fmt: skip
WAYS: dict[str, tuple[str, ...]] = {
    "import torch": (sys.executable, "-c", "import torch"),
    "--version": (*COMMAND, "--version"),
    "--help": (*COMMAND, "--help"),
    "--cfg job": (*COMMAND, "dataset=digits", "--cfg", "job"),
    "first step": (*COMMAND, *TRAINING),
}
LIMIT = 120.0
"""Seconds that a first step may take."""


def measure(names: list[str], rounds: int) -> common.Rows:
    """Seconds of each, in turn."""
    common.refuse_unknown(names, WAYS)
    wanted = {name: WAYS[name] for name in names or WAYS}
    found = common.take_turns(
        {
            name: lambda name=name, words=words: (
                _first_step(words) if name == "first step" else _whole(words)
            )
            for name, words in wanted.items()
        },
        rounds,
    )
    rows = []
    for name, values in found.items():
        middle, low, high = common.spread(values)
        rows.append({"what": name, "seconds": middle, "quartiles": [low, high]})
    return rows


def show(rows: common.Rows, rounds: int) -> None:
    common.show(
        "seconds from the shell",
        {
            "what": lambda row: row["what"],
            "median": lambda row: f"{row['seconds']:.2f}",
            "quartiles": lambda row: "{:.2f} - {:.2f}".format(*row["quartiles"]),
        },
        rows,
        f"n = {rounds}",
    )


def _whole(words: tuple[str, ...]) -> float:
    start = time.monotonic()
    subprocess.run(words, check=True, capture_output=True)
    return time.monotonic() - start


def _first_step(words: tuple[str, ...]) -> float:
    """Until the checkpoint of step 1 is on the disk; then the training is ended."""
    folder = Path(tempfile.mkdtemp())
    wanted = folder / "run" / "checkpoints" / "step-00000001.ckpt"
    start = time.monotonic()
    process: Any = subprocess.Popen(
        [*words, f"run.dir={folder / 'run'}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not wanted.exists():
            if process.poll() is not None or time.monotonic() - start > LIMIT:
                raise RuntimeError("a training came to no first step")
            time.sleep(0.005)
        return time.monotonic() - start
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)
