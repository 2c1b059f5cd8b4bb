"""The programs that are compared, each run from the shell to its written result."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.environment import ROOT, peers_python, refuse
from benchmarks.peers.networks import FORMS, words
from cnn_cli.data import shapes
from cnn_cli.data.cifar import cifar10
from cnn_cli.data.contract import Preprocessing, Split
from cnn_cli.data.mnist import fashion_mnist
from cnn_cli.data.selection import ALL
from cnn_cli.errors import UserError

SCRIPTS = Path(__file__).parent / "peers"
LINES = 15
"""Of what a failed program printed, to show."""


@dataclass(frozen=True)
class Competitor:
    """A program: its script (none: cnn-train itself), what it is told, its choices of workers."""

    script: str = ""
    words: tuple[str, ...] = ()
    workers: tuple[str, ...] = ("-",)
    installed: bool = True
    """it needs nothing from peers.txt"""


LOADER = ("0", "1", "2")
COMPETITORS = {
    "cnn-train": Competitor(),
    "cnn-train-fp32": Competitor(words=("device.precision=fp32",)),
    "loop": Competitor("tutorial_loop", workers=LOADER),
    "lightning": Competitor("lightning_trainer", workers=LOADER, installed=False),
    "lightning-bf16": Competitor(
        "lightning_trainer", ("--precision", "bf16-mixed"), LOADER, installed=False
    ),
    "lightning-our-batches": Competitor("lightning_our_batches", installed=False),
    "keras": Competitor("keras_fit", workers=(*LOADER, "layers"), installed=False),
    "skorch": Competitor("skorch_fit", workers=LOADER, installed=False),
}


def train(
    name: str, workers: str, network: str, data: Path, threads: int, epochs: int, batch: int
) -> dict[str, Any]:
    """One training; gives wall `seconds`, `train_seconds`, `accuracy`, `parameters`."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out"
        competitor = COMPETITORS[name]
        if not competitor.script:
            own = _own_words(network, data, batch, epochs)
            return cnn_train([*own, *competitor.words, f"device.threads={threads}"], out, threads)
        chosen = [] if workers == "-" else ["--workers", workers]
        return script(
            competitor.script, network, data, out, threads,
            ["--epochs", str(epochs), "--batch-size", str(batch), *competitor.words, *chosen],
            python=sys.executable if competitor.installed else str(peers_python()),
        )  # fmt: skip


def cnn_train(own: Sequence[str], out: Path, threads: int) -> dict[str, Any]:
    """Train by the command line; as `train`."""
    run = out / "run"
    seconds = shell([sys.executable, "-m", "cnn_cli", *own, f"run.dir={run}"], threads)
    report = json.loads((run / "report" / "report.json").read_text())
    cost = {key: report["cost"][key] for key in ("train_seconds", "parameters")}
    return {"seconds": seconds, "accuracy": report["metrics"]["accuracy"], **cost}


def script(
    name: str, network: str, data: Path, out: Path, threads: int, more: Sequence[str], python: str
) -> dict[str, Any]:
    """Run a script of `peers`; as `train`, with what else it wrote into result.json."""
    given = ["--network", network, "--data", str(data), "--out", str(out)]
    seconds = shell([python, f"{name}.py", *given, *more], threads)
    found: dict[str, Any] = json.loads((out / "result.json").read_text())
    return {"seconds": seconds, **found}


def shell(command: Sequence[str], threads: int) -> float:
    """Seconds that a command takes in a (pseudo-)terminal, which is where bars are drawn.

    Raises RuntimeError, with the end of what it printed, where it fails.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": str(threads),
        "CUDA_VISIBLE_DEVICES": "",  # nobody takes a GPU of itself: this compares on processors
    }
    screen, end = os.openpty()
    start = time.monotonic()
    process = subprocess.Popen(
        command, cwd=SCRIPTS, env=environment, stdin=subprocess.DEVNULL, stdout=end, stderr=end,
        start_new_session=True,
    )  # fmt: skip
    os.close(end)
    try:
        said = _drained(screen)
        code = process.wait()
        seconds = time.monotonic() - start
    finally:
        process.kill()
        process.wait()
        os.close(screen)
    if code != 0:
        last = "\n".join(said.decode(errors="replace").splitlines()[-LINES:])
        raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{last}")
    return seconds


def _drained(screen: int) -> bytes:
    """Read all that comes, as a window would; gives the last of it."""
    said = b""
    while True:
        try:
            more = os.read(screen, 1 << 16)
        except OSError:  # the other end is closed
            more = b""
        if not more:
            return said
        said = (said + more)[-(1 << 16) :]


def _own_words(network: str, data: Path, batch: int, epochs: int) -> list[str]:
    return [
        "--config-dir", str(SCRIPTS / "configs"), "trust=[networks,pictures]",
        "dataset=pictures", f"dataset.file={data}", *words(network), "device=cpu",
        f"trainer.batch_size={batch}", f"trainer.epochs={epochs}",
    ]  # fmt: skip


def write_pictures(network: str, root: Path | None, counts: Mapping[str, int], file: Path) -> None:
    """An .npz of so many "train" and "test" pictures: generated, or read from below `root`.

    A part that `counts` leaves out is read as a whole.
    """
    channels, size = FORMS[network]
    if root is None:
        raw = shapes.draw(sum(counts.values()), channels, size, noise=0.08, seed=0)
        train = counts["train"]
        found = {"train": (raw.images[:train], raw.labels[:train])}
        found["test"] = (raw.images[train:], raw.labels[train:])
    else:
        found = real_pictures(channels, size, root, counts)
    arrays = {}
    for part, (images, labels) in found.items():
        arrays[f"{part}_images"] = images.contiguous().numpy()
        arrays[f"{part}_labels"] = labels.numpy()
    np.savez(file, **arrays)


def real_pictures(
    channels: int, size: int, root: Path, counts: Mapping[str, int]
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Fashion-MNIST (grey) or CIFAR-10: the first pictures of each part, with their labels."""
    read = fashion_mnist if channels == 1 else cifar10
    try:
        data = read(
            Preprocessing(channels, size), root=str(root), url=None, verify=False,
            val_fraction=0, selection=ALL,
        )  # fmt: skip
    except UserError as error:
        refuse(str(error))
    parts: dict[str, Split] = {"train": data.train, "test": data.test}
    found = {}
    for part, split in parts.items():
        batch = split.take(torch.arange(len(split.labels))[: counts.get(part)])
        found[part] = (batch.images, batch.labels)
    return found
