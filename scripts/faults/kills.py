"""kill -9 at random moments, again and again, until the run has come to its end."""

import random
import signal
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cnn_cli.run import Run
from faults.case import Case
from faults.training import check_no_traceback, command, next_words, on_shapes, outcome

TOLD = "kill -9 at a random moment, resume, repeat to the end: the same weights and lines"
FEW, MANY = 50, 1000
USUAL, MOST = 10, 60
"""Starts after which a run mostly has come to its end, and after which it must have."""


def cases(full: bool) -> Iterator[Case]:
    """Runs, each killed at moments of its own."""
    for seed in range(MANY if full else FEW):
        yield Case(f"kill-{seed}", lambda folder, seed=seed: _check(folder, seed))


@cache
def _reference() -> tuple[dict[str, object], float]:
    """The outcome without a kill, and the seconds that it takes."""
    with tempfile.TemporaryDirectory() as place:
        start = time.monotonic()
        folder = Path(place) / "run"
        code = command([*on_shapes(), f"run.dir={folder}"], Path(place) / "log")
        assert code == 0, (Path(place) / "log").read_text()
        return outcome(folder), time.monotonic() - start


def _check(folder: Path, seed: int) -> None:
    expected, seconds = _reference()
    draw = random.Random(seed)
    run, log = folder / "run", folder / "log"
    for start in range(MOST):
        words = next_words(on_shapes(), run)
        # Later and later, so that a machine with other work to do comes to an end as well.
        latest = 1.2 + 0.1 * max(0, start - USUAL)
        killed = _killed(words, log, draw.uniform(0.1, latest) * seconds)
        if not killed or Run(run).is_reported:  # killed when all was done already
            break
    else:
        raise AssertionError(f"no end after {MOST} starts")
    check_no_traceback(log)
    assert outcome(run) == expected
    leftovers = [path.name for path in run.rglob(".*.tmp")]
    assert not leftovers, leftovers


def _killed(words: list[str], log: Path, after: float) -> bool:
    """Start a command, kill it after that many seconds; False where it had ended by then, well."""
    code = command(words, log, kill_after=after)
    assert code in (0, -signal.SIGKILL), f"ended with {code}: {log.read_text()[-2000:]}"
    return code != 0
