"""Signals in every phase of a run: the exit code says which, and the run can be gone on with."""

import os
import signal
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cnn_cli import build
from cnn_cli.commands import concluding
from cnn_cli.engine import checkpoint
from cnn_cli.engine import train as loop
from cnn_cli.run import Run
from cnn_cli.signals import EXIT_CODES
from faults.case import Case, at_call
from faults.training import check_no_traceback, command, finish, on_files, outcome

TOLD = "signals x phase x workers x process or group"

PHASES: dict[str, tuple[Any, str, int]] = {
    "start-up": (build, "dataset", 1),
    "train": (loop, "train_step", 4),
    "evaluate": (loop, "predict", 2),
    "save": (checkpoint, "save", 2),
    "report": (concluding, "publish", 1),
}
"""What the phase calls, and the number of the call in which the signal comes."""


def cases(full: bool) -> Iterator[Case]:
    """Every cell; for the tests each signal and each phase a few times."""
    cells = [
        (name, phase, workers, group)
        for name in EXIT_CODES
        for phase in PHASES
        for workers in (0, 2)
        for group in (False, True)
    ]
    for name, phase, workers, group in cells if full else cells[::7]:
        label = f"{name}-{phase}-{workers}-{'group' if group else 'process'}"
        yield Case(label, lambda folder, cell=(name, phase, workers, group): _check(folder, *cell))


@cache
def _reference(workers: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as place:
        run, log = Path(place) / "run", Path(place) / "log"
        code = command([*on_files(Path(place), workers), f"run.dir={run}"], log)
        assert code == 0, log.read_text()
        return outcome(run)


def _check(folder: Path, name: str, phase: str, workers: int, group: bool) -> None:
    run, log = folder / "run", folder / "log"
    words = on_files(folder, workers)
    code = command([*words, f"run.dir={run}"], log, before=lambda: _arm(PHASES[phase], name, group))
    assert code == EXIT_CODES[name], f"ended with {code}: {log.read_text()[-2000:]}"
    check_no_traceback(log)
    assert bool(Run(run).saved()) == (phase != "start-up"), "what was trained is not saved"
    if phase == "start-up":
        assert not run.exists(), "a folder was left of nothing"
    finish(words, run, log)
    check_no_traceback(log)
    assert outcome(run) == _reference(workers)


def _arm(place: tuple[Any, str, int], name: str, group: bool) -> None:
    """Have the signal sent, to the process or its whole group, when `place` is reached."""
    if group:
        os.setpgid(0, 0)
    send = os.killpg if group else os.kill
    at_call(*place, lambda: send(os.getpid(), getattr(signal, name)))
