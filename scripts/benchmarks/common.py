"""What every measurement shares: turns, medians, the machine, trainings in their own processes."""

import json
import os
import platform
import pty
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torchvision
from results import refuse
from rich.console import Console
from rich.table import Table

from cnn_cli.device import has_amx, has_bf16
from cnn_cli.errors import closest

Rows = list[dict[str, Any]]
CLEAR = "\x1b[K"
"""A terminal's code to empty the rest of the line."""


def take_turns(
    ways: Mapping[str, Callable[[], float]], rounds: int, warm_up: int = 1
) -> dict[str, list[float]]:
    """What each way gives in each round, in turn (A B C A B C ...), after some that are dropped.

    A terminal is told what is at work, as a part can take an hour.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + warm_up):
        for name, way in ways.items():
            _tell(f"round {number + 1} of {rounds + warm_up}: {name}")
            value = way()
            if number >= warm_up:
                found[name].append(value)
    _tell("")
    return found


def _tell(what: str) -> None:
    """Show it in place of what was told before."""
    if sys.stderr.isatty():
        print(f"\r{CLEAR}{what}", end="", file=sys.stderr, flush=True)


def precisions() -> tuple[str, ...]:
    """What a CPU is measured in: bfloat16 only where it multiplies that."""
    return ("fp32", "bf16") if has_bf16() else ("fp32",)


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """(median, lower quartile, upper quartile); the least and the most of fewer than four."""
    middle = statistics.median(values)
    if len(values) < 4:
        return middle, min(values), max(values)
    low, _, high = statistics.quantiles(values, n=4)
    return middle, low, high


def in_process(work: Callable[[], Any], *, terminal: bool = False) -> Any:
    """What `work` gives (as JSON) in a fork of this process, its output thrown away.

    With `terminal` it writes to a pseudo-terminal that is read all the time, as a window would.
    Raises RuntimeError where it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        child, screen = pty.fork() if terminal else (os.fork(), -1)
        if child == 0:
            _work(work, answer, terminal)
        if terminal:
            _drain(screen)
        _, status = os.waitpid(child, 0)
        if status or not answer.exists():
            raise RuntimeError(f"a measured process ended with {os.waitstatus_to_exitcode(status)}")
        return json.loads(answer.read_text())


def _work(work: Callable[[], Any], answer: Path, terminal: bool) -> None:
    code = 1
    try:
        if not terminal:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        answer.write_text(json.dumps(work()))
        code = 0
    finally:
        os._exit(code)


def _drain(screen: int) -> None:
    while True:
        try:
            if not os.read(screen, 1 << 16):
                return
        except OSError:  # the other end is closed
            return


def trained(words: Sequence[str]) -> dict[str, Any]:
    """Train by the command line, here, in a folder that is thrown away; gives the report's cost."""
    from cnn_cli.cli import main

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        start = time.monotonic()
        if main(["train", *words, f"run.dir={run}"]) != 0:
            raise RuntimeError("a training failed")
        report = json.loads((run / "report" / "report.json").read_text())
        cost: dict[str, Any] = report["cost"]
        return {**cost, "seconds": time.monotonic() - start, "metrics": report["metrics"]}


def machine() -> dict[str, Any]:
    """Hardware and versions, for the header of a table."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        processor = lines[0].partition(": ")[2] if lines else processor
    ability = "AMX" if has_amx() else "AVX512-BF16" if has_bf16() else ""
    return {
        "processor": f"{processor}{f' with {ability}' * bool(ability)}",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torchvision": torchvision.__version__,
    }


def show(title: str, columns: Mapping[str, Callable[[Any], str]], rows: Rows, note: str) -> None:
    """Print the rows as a table: a column's name, and how its cell is written."""
    about = ", ".join(f"{key} {value}" for key, value in machine().items())
    table = Table(title=title, caption=f"{note}; {about}")
    for place, name in enumerate(columns):
        table.add_column(name, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(write(row) for write in columns.values()))
    Console().print(table)


def refuse_unknown(names: Sequence[str], known: Mapping[str, object]) -> None:
    """End the program where a name is none of those known."""
    for name in names:
        if name not in known:
            near = closest(name, known)
            refuse("benchmark", f"no {name} here{near}; there are {', '.join(known)}")
