"""The same training by cnn-train, PyTorch's tutorial loop, Lightning, Keras and skorch.

Same network, pictures, batch size, augmentation (pad-and-crop, flip, normalised) and epochs, on the
processor: seconds from the shell to the written result, and images a second of training alone.
Every script is in benchmarks/peers, as its project documents the way. The DataLoader's workers are
the best of 0, 1 and 2 in one epoch before (Keras: or its own layers instead of a DataLoader).
cnn-train writes a whole report, with pictures; the others a number and the weights. By default it
computes in bfloat16 where the processor multiplies that; what of its lead that is can be seen from
`cnn-train-fp32` and `lightning-bf16`.

Not here: timm, whose package from PyPI has no train.py, in its source archive neither; ultralytics,
which trains networks of its own only, so that no network could be the same.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import common
from benchmarks.competitors import COMPETITORS, train, write_pictures
from benchmarks.environment import peers_python, versions
from benchmarks.peers.networks import FORMS, network
from cnn_cli.models.summary import summarise

IMAGES = {"tutorial-cnn": 10_240, "small": 6_144, "medium": 2_560, "resnet18": 768}
"""Network -> pictures an epoch: 10 to 40 s a training on two cores."""
TESTED = 512
EPOCHS, BATCH = 2, 128
Rate = Callable[[str], float]


def measure(names: list[str], rounds: int, data: Path | None, threads: int) -> common.Rows:
    """Each network in each program; `names` are of networks, of programs, or of both."""
    common.refuse_unknown(names, {**IMAGES, **COMPETITORS})
    programs = [name for name in COMPETITORS if name in names] or list(COMPETITORS)
    if not all(COMPETITORS[name].installed for name in programs):
        peers_python()
    torch.set_num_threads(threads)  # nothing is computed here; the table's header tells it
    rows: common.Rows = []
    for size in [name for name in IMAGES if name in names] or IMAGES:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "data.npz"
            write_pictures(size, data, {"train": IMAGES[size], "test": TESTED}, file)
            rows += _network(size, programs, rounds, file, threads)
    return rows


def show(rows: common.Rows, rounds: int) -> None:
    """A table for each network."""
    for name in dict.fromkeys(row["network"] for row in rows):
        own = [row for row in rows if row["network"] == name]
        common.show(
            f"{name}: {own[0]['flops'] / 1e6:,.0f} MFLOPs an image, "
            f"{own[0]['parameters']:,} parameters in each program",
            {
                "program": lambda row: row["program"],
                "workers": lambda row: row["workers"],
                "seconds": lambda row: _with_spread(row, "seconds", ".1f"),
                "images/s": lambda row: _with_spread(row, "rate", ",.0f"),
                "ratio": lambda row: f"{row['ratio']:.2f} x" if row["ratio"] else "",
                "accuracy": lambda row: f"{row['accuracy']:.1%}",
            },
            own,
            f"n = {rounds}; seconds from the shell to the result, ratio of cnn-train's images/s; "
            f"{EPOCHS} epochs of {IMAGES[name]:,} pictures, batches of {BATCH}; "
            f"{', '.join(versions())}",
        )


def _with_spread(row: Mapping[str, Any], key: str, form: str) -> str:
    low, high = row[f"{key}_spread"]
    return f"{row[key]:{form}} ({low:{form}} - {high:{form}})"


def best_workers(choices: Sequence[str], rate: Rate) -> tuple[str, dict[str, float]]:
    """The choice with the highest rate, and the rates (images a second) of all."""
    rates = {choice: rate(choice) for choice in choices}
    return max(rates, key=lambda choice: rates[choice]), rates


def check_parameters(parameters: Mapping[str, int]) -> None:
    """Raise RuntimeError where the programs trained networks of different sizes."""
    if len(set(parameters.values())) > 1:
        told = ", ".join(f"{name} {count:,}" for name, count in parameters.items())
        raise RuntimeError(f"not the same network in all programs; parameters: {told}")


def _network(
    name: str, programs: Sequence[str], rounds: int, file: Path, threads: int
) -> common.Rows:
    """The rows of one network; the first trainings of each program are trials, not counted."""

    def one(program: str, workers: str, epochs: int) -> dict[str, Any]:
        found = train(program, workers, name, file, threads, epochs, BATCH)
        return {**found, "rate": epochs * IMAGES[name] / found["train_seconds"]}

    chosen = {}
    for program in programs:
        chosen[program] = best_workers(
            COMPETITORS[program].workers,
            lambda workers, program=program: one(program, workers, 1)["rate"],
        )
    ways = {
        program: lambda program=program: one(program, chosen[program][0], EPOCHS)
        for program in programs
    }
    found: dict[str, list[Any]] = common.take_turns(ways, rounds, warm_up=0)
    check_parameters({program: runs[0]["parameters"] for program, runs in found.items()})
    channels, size = FORMS[name]
    flops = summarise(network(name, 10), channels, size).flops
    rows = [
        {"network": name, "flops": flops, **_row(program, runs, *chosen[program])}
        for program, runs in found.items()
    ]
    return with_ratios(rows)


def _row(
    program: str, runs: Sequence[Mapping[str, Any]], workers: str, trial: Mapping[str, float]
) -> dict[str, Any]:
    seconds, *around = common.spread([run["seconds"] for run in runs])
    rate, *rates_around = common.spread([run["rate"] for run in runs])
    return {
        "program": program,
        "workers": workers,
        "trial": dict(trial),
        "seconds": seconds,
        "seconds_spread": around,
        "rate": rate,
        "rate_spread": rates_around,
        "accuracy": common.spread([run["accuracy"] for run in runs])[0],
        "parameters": runs[0]["parameters"],
    }


def with_ratios(rows: common.Rows) -> common.Rows:
    """The rows of one network with `ratio`: cnn-train's images a second over the row's; or None."""
    own = next((row["rate"] for row in rows if row["program"] == "cnn-train"), None)
    return [{**row, "ratio": own / row["rate"] if own else None} for row in rows]
