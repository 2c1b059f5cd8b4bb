"""What the engine costs a step, over a bare loop of the same model, pictures and optimizer.

The engine runs as people use it: the command line, a progress bar in a (pseudo-)terminal,
TensorBoard, metrics.jsonl, checkpoints every few seconds. The bare loop has nothing but index,
forward, backward and the optimizer's step.
"""

import statistics
import time
from typing import Any

import torch
import torch.nn.functional as F
import yaml

from benchmarks import common
from cnn_cli.device import keep_memory
from cnn_cli.models.classifier import Classifier, Normalize
from cnn_cli.models.cnn import CNN
from cnn_cli.optim.groups import parameter_groups
from cnn_cli.paths import config_dir

STEPS = {
    "1 ms": {"channels": [8], "size": 16, "batch": 32, "steps": 3000},
    "5 ms": {"channels": [16, 32], "size": 24, "batch": 64, "steps": 800},
    "50 ms": {"channels": [32, 64], "size": 32, "batch": 256, "steps": 100},
}
"""Steps of about that long on one core: what they are made of, and how many are timed."""
EPOCHS = 4
CLASSES = 8


def measure(names: list[str], rounds: int) -> common.Rows:
    """The time of a step in both, in turn."""
    common.refuse_unknown(names, STEPS)
    rows = []
    for name in names or STEPS:
        kind = STEPS[name]
        found = common.take_turns(
            {
                "bare": lambda kind=kind: common.in_process(lambda: _bare(kind)),
                "engine": lambda kind=kind: common.in_process(lambda: _engine(kind), terminal=True),
            },
            rounds,
        )
        more = [b - a for a, b in zip(found["bare"], found["engine"], strict=True)]
        middle, low, high = common.spread(more)
        rows.append(
            {
                "step": name,
                "bare_ms": statistics.median(found["bare"]),
                "engine_ms": statistics.median(found["engine"]),
                "more_ms": middle,
                "quartiles": [low, high],
            }
        )
    return rows


def show(rows: common.Rows, rounds: int) -> None:
    common.show(
        "milliseconds a step",
        {
            "step": lambda row: row["step"],
            "bare loop": lambda row: f"{row['bare_ms']:.3f}",
            "cnn-train": lambda row: f"{row['engine_ms']:.3f}",
            "more": lambda row: f"{row['more_ms']:+.3f}",
            "quartiles": lambda row: "{:+.3f} - {:+.3f}".format(*row["quartiles"]),
        },
        rows,
        f"n = {rounds} pairs",
    )


def _bare(kind: dict[str, Any]) -> float:
    """Milliseconds a step."""
    torch.set_num_threads(1)
    keep_memory()
    count, size, batch = _count(kind), kind["size"], kind["batch"]
    images = torch.randint(256, (count, size, size, 1), dtype=torch.uint8)
    labels = torch.randint(CLASSES, (count,))
    net = CNN(1, CLASSES, size, **_defaults(), **_shape(kind))
    model = Classifier(Normalize((0.5,), (0.25,)), net).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        parameter_groups(model, 5e-4), lr=0.01, momentum=0.9, nesterov=True, fused=True
    )
    start = time.monotonic()
    for _ in range(EPOCHS):
        for chosen in torch.randperm(count)[: count // batch * batch].view(-1, batch):
            logits = model(images[chosen].permute(0, 3, 1, 2))
            F.cross_entropy(logits, labels[chosen]).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    return 1000 * (time.monotonic() - start) / (EPOCHS * (count // batch))


def _engine(kind: dict[str, Any]) -> float:
    """Milliseconds a step, of training alone: from data in memory to the last weights saved."""
    total = _count(kind)
    words = [
        "dataset=shapes", f"dataset.count={total + 100}", f"dataset.size={kind['size']}",
        "dataset.channels=1", "dataset.val_fraction=0", "dataset.test_fraction=0",
        "model=cnn", "augmentation=none", "optimizer=sgd", "optimizer.lr=0.01",
        f"trainer.batch_size={kind['batch']}", f"trainer.epochs={EPOCHS}",
        "loss.label_smoothing=0", "device=cpu", "device.threads=1", "device.precision=fp32",
        *(f"model.{key}={value}" for key, value in _shape(kind).items()),
    ]  # fmt: skip
    cost = common.trained([word.replace(" ", "") for word in words])
    steps = EPOCHS * (cost["train_images"] // kind["batch"])
    return 1000 * float(cost["train_seconds"]) / steps


def _defaults() -> dict[str, Any]:
    """The arguments of model=cnn that `_shape` leaves as they are."""
    node: dict[str, Any] = yaml.safe_load((config_dir() / "model" / "cnn.yaml").read_text())
    without = {"_target_", "weights", "freeze", "channels", "convs"}
    return {key: value for key, value in node.items() if key not in without}


def _shape(kind: dict[str, Any]) -> dict[str, Any]:
    return {"channels": kind["channels"], "convs": 1}


def _count(kind: dict[str, Any]) -> int:
    return int(kind["steps"]) // EPOCHS * int(kind["batch"])
