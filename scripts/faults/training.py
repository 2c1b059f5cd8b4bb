"""A small training through the command line, in a fork of this process, and what it came to."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from cnn_cli.cli import main
from cnn_cli.engine.checkpoint import load
from cnn_cli.run import Run, find_checkpoint
from faults.case import in_child

SETTINGS = (
    "model.channels=[8]", "model.convs=1", "trainer.batch_size=32", "trainer.epochs=3",
    "trainer.checkpoint_every=3", "trainer.ema_decay=0.9", "trainer.tensorboard=false",
    "optimizer.lr=0.05", "device=cpu", "device.threads=1",
)  # fmt: skip
SHAPES = ("dataset=shapes", "dataset.count=300", "dataset.size=16", "dataset.channels=1")


def on_shapes() -> tuple[str, ...]:
    """The command line of a training on generated pictures in memory."""
    return ("train", *SHAPES, *SETTINGS, "device.workers=0")


def on_files(root: Path, workers: int) -> tuple[str, ...]:
    """The same on files that workers decode; they are written where they are not there yet."""
    pictures = root / "pictures"
    if not pictures.exists():
        draw = np.random.default_rng(0)
        for label, name in enumerate(("bright", "dark")):
            (pictures / name).mkdir(parents=True)
            for number in range(100):
                pixels = draw.integers(0, 128, (12, 12, 3)) + 127 * (1 - label)
                Image.fromarray(pixels.astype(np.uint8)).save(pictures / name / f"{number}.png")
    data = ("dataset=image_folder", f"dataset.root={pictures}", "dataset.size=12")
    return ("train", *data, "dataset.resident_mb=0", *SETTINGS, f"device.workers={workers}")


def command(
    words: Sequence[str],
    log: Path,
    before: Callable[[], None] | None = None,
    after: Callable[[], None] | None = None,
    kill_after: float | None = None,
) -> int:
    """Run cnn-train in a fork, with `before` and `after` around it there.

    Gives its exit code, or -signal.
    """

    def work() -> int:
        os.environ["COLUMNS"] = "200"
        if before is not None:
            before()
        code = main(list(words))
        if after is not None:
            after()
        return code

    return in_child(work, log, kill_after)


def outcome(folder: Path) -> dict[str, object]:
    """What a finished run came to: its last weights, its best, and its lines but for the times."""
    run = Run(folder)
    saved = load(find_checkpoint(str(folder), folder, "last").path)
    best = load(find_checkpoint(str(folder), folder, "best").path)
    digest = hashlib.sha256()
    for part in (saved.model, saved.ema or {}, best.model):
        for name, tensor in part.items():
            digest.update(name.encode())
            digest.update(tensor.contiguous().numpy().tobytes())
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    for line in lines:
        del line["time"]
    metrics = json.loads((run.report / "report.json").read_text())["metrics"]
    return {
        "weights": digest.hexdigest(),
        "steps": (saved.step, best.step, saved.best, saved.stale),
        "lines": lines,
        "metrics": metrics,
    }


def finish(words: Sequence[str], folder: Path, log: Path) -> None:
    """Go on with the run in `folder` to its end; from the start where it has no checkpoint yet."""
    code = command(next_words(words, folder), log)
    assert code == 0, f"ended with {code}: {log.read_text()[-2000:]}"


def next_words(words: Sequence[str], folder: Path) -> list[str]:
    """What a person types after a run was killed."""
    if Run(folder).saved():
        return [f"resume={folder}"]
    shutil.rmtree(folder, ignore_errors=True)
    return [*words, f"run.dir={folder}"]


def check_no_traceback(log: Path) -> None:
    """A person is told what is wrong, not where in the code it was noticed."""
    text = log.read_text()
    assert "Traceback" not in text, text[-3000:]
