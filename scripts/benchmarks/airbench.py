"""On a GPU: CIFAR-10 by `experiment=cifar10_fast` and by airbench's script, on the same pictures.

airbench (KellerJordan/cifar10-airbench) compiles its network in a training that it does not count;
cnn-train's kernels are chosen before its clock starts as well, and `cnn-train compiled` compiles in
that time. Both clocks end with the last weights; cnn-train's includes its files. Accuracies are
without test-time augmentation, airbench's also with it.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks import common
from benchmarks.competitors import real_pictures
from benchmarks.environment import refuse

CLASSES = 10
WAYS = {"airbench": (), "cnn-train": (), "cnn-train compiled": ("device.compile=true",)}


def measure(names: list[str], rounds: int, data: Path | None, script: Path) -> common.Rows:
    """A row for each way: seconds of training and test accuracies, of `rounds` trainings."""
    common.refuse_unknown(names, WAYS)
    if not torch.cuda.is_available():
        refuse("airbench: needs an NVIDIA GPU")
    if not script.is_file():
        refuse(f"--script {script}: there is no such file")
    root = data or Path("~/.cache/cnn-train").expanduser()
    rows: common.Rows = []
    for name in [name for name in WAYS if name in names] or WAYS:
        runs = (
            _airbench(root, script, rounds)
            if name == "airbench"
            else [_own(root, seed, WAYS[name]) for seed in range(rounds)]
        )
        rows.append({"way": name, "gpu": torch.cuda.get_device_name(), "runs": runs})
    return rows


def show(rows: common.Rows, rounds: int) -> None:
    """Medians of the seconds, means of the accuracies."""

    def mean(key: str) -> Any:
        return lambda row: (
            f"{statistics.mean(run[key] for run in row['runs']):.2%}"
            if key in row["runs"][0]
            else ""
        )

    def seconds(row: Any) -> str:
        middle, low, high = common.spread([run["seconds"] for run in row["runs"]])
        return f"{middle:.2f} ({low:.2f} - {high:.2f})"

    common.show(
        f"CIFAR-10 on an {rows[0]['gpu']}",
        {
            "way": lambda row: row["way"],
            "seconds": seconds,
            "accuracy": mean("accuracy"),
            "with test-time augmentation": mean("augmented"),
        },
        rows,
        f"n = {rounds} trainings each",
    )


def _own(root: Path, seed: int, more: tuple[str, ...]) -> dict[str, float]:
    words = [
        "experiment=cifar10_fast", f"dataset.root={root}", "dataset.verify=false", "device=cuda",
        f"seed={seed}", "require.accuracy=null", *more,
    ]  # fmt: skip
    cost = _trained(words)
    return {"seconds": cost["train_seconds"], "accuracy": cost["metrics"]["accuracy"]}


def _trained(words: list[str]) -> dict[str, Any]:
    """What a training in a process of its own has cost: a GPU cannot be used after a fork."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [sys.executable, "-m", "cnn_cli", *words, f"run.dir={run}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        report = json.loads((run / "report" / "report.json").read_text())
    return {**report["cost"], "metrics": report["metrics"]}


def _airbench(root: Path, script: Path, rounds: int) -> list[dict[str, float]]:
    """Its script with that many trainings instead of 200; it reads cifar10/train.pt and test.pt."""
    text = script.read_text()
    if text.count("range(200)") != 1:
        refuse(f"{script}: is not airbench94_muon.py as it was published")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "cifar10").mkdir()
        for part, (images, labels) in real_pictures(3, 32, root, {}).items():
            held = {"images": images.permute(0, 2, 3, 1).contiguous(), "labels": labels}
            torch.save({**held, "classes": list(range(CLASSES))}, place / "cifar10" / f"{part}.pt")
        (place / script.name).write_text(text.replace("range(200)", f"range({rounds})"))
        command = [sys.executable, script.name]
        made = subprocess.run(command, cwd=place, check=True, capture_output=True, text=True)
    return ends(made.stdout)[1:]  # the first is its warm-up


def ends(said: str) -> list[dict[str, float]]:
    """Seconds and accuracies of each training in what airbench's script has printed."""
    number = r"\s*([\d.]+)\s*\|"
    found = re.findall(rf"^\|\s*\|\s*eval\s*\|{number}{number}{number}{number}", said, re.MULTILINE)
    return [
        {"seconds": float(seconds), "accuracy": float(plain), "augmented": float(augmented)}
        for _, plain, augmented, seconds in found
    ]
