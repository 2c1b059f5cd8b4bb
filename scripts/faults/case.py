"""One case of a fault, and the child process in which a fault may strike."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What a training imports on its way: the many forks then find it there.
import matplotlib.backends.backend_agg
import matplotlib.figure  # noqa: F401
import sklearn.metrics  # noqa: F401
import torch._dynamo  # noqa: F401

import cnn_cli.commands.evaluate
import cnn_cli.commands.export
import cnn_cli.commands.predict
import cnn_cli.commands.train
import cnn_cli.commands.visualize  # noqa: F401

DEADLINE = 120.0
"""Seconds after which a child hangs."""


@dataclass(frozen=True)
class Case:
    """A fault at one place: `check` is given an empty folder and raises AssertionError."""

    name: str
    check: Callable[[Path], None]


def in_child(
    work: Callable[[], object], log: Path | None = None, kill_after: float | None = None
) -> int:
    """Do `work` in a fork of this process, its output in `log`; SIGKILL after that many seconds.

    Gives 0 where it returned, the code where it returned one, 1 where it raised, and -N where
    signal N ended it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _redirect(log)
            returned = work()
            code = returned if isinstance(returned, int) else 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except BaseException:  # noqa: BLE001  whatever it is: the parent must not go on twice
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return wait_for(child, kill_after)


def wait_for(child: int, kill_after: float | None = None) -> int:
    """The exit code of a child, or -N for signal N. Raises AssertionError where it hangs."""
    end = time.monotonic() + (DEADLINE if kill_after is None else kill_after)
    pause = 0.0005
    while time.monotonic() < end:
        process, status = os.waitpid(child, os.WNOHANG)
        if process:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if kill_after is not None:
        return os.waitstatus_to_exitcode(status)
    raise AssertionError(f"hangs after {DEADLINE:.0f} s")


def _redirect(log: Path | None) -> None:
    """Files instead of what pytest or a terminal has put there."""
    target = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)


def die() -> None:
    """End this process as a power cut would: nothing is flushed, nothing cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(owner: Any, name: str, number: int, act: Callable[[], None]) -> None:
    """Have `act` done before that call, from 1, of a function of a module or class."""
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            act()
        return original(*given, **named)

    setattr(owner, name, counted)
