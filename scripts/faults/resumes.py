"""Stopped and gone on with at every step, several times over, with any number of workers."""

import os
import signal
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cnn_cli.engine import step as one_step
from cnn_cli.engine import train as loop
from cnn_cli.run import Run
from cnn_cli.signals import EXIT_CODES
from faults.case import Case, at_call, die
from faults.training import check_no_traceback, command, finish, next_words, on_files, outcome

TOLD = "save and resume at every step, a 2nd and 3rd time, killed between parts of a batch"

STEPS = 12
"""Of the training: three epochs of four."""
PARTS = ("trainer.accumulate=2", "trainer.clip_norm=1", "trainer.batch_size=40")


def cases(full: bool) -> Iterator[Case]:
    """Every step with each number of workers; chains of stops; deaths in the middle of a batch."""
    for workers in (0, 1, 2, 4):
        for at in range(1, STEPS, 1 if full else 3):
            if full or workers == at % 4:
                yield _case(workers, (at,))
    for chain in ((2, 3, 4), (1, 5, 9), (4, 8, 11), (3, 4, 5, 6, 7)) if full else ((3, 4, 9),):
        for workers in (0, 2) if full else (0,):
            yield _case(workers, chain)
    for call in range(1, 2 * STEPS + 1, 1 if full else 9):
        yield Case(f"part-{call}", lambda folder, call=call: _in_a_part(folder, call))


def _case(workers: int, chain: tuple[int, ...]) -> Case:
    name = f"workers-{workers}-steps-{'-'.join(map(str, chain))}"
    return Case(name, lambda folder: _check(folder, workers, chain))


def _words(root: Path, workers: int) -> list[str]:
    # 144 training pictures: epochs of four steps, and no checkpoint but those of epochs and stops
    plain = [word for word in on_files(root, workers) if not word.startswith("trainer.checkpoint")]
    return [*plain, *PARTS]


@cache
def _reference(workers: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as place:
        run, log = Path(place) / "run", Path(place) / "log"
        code = command([*_words(Path(place), workers), f"run.dir={run}"], log)
        assert code == 0, log.read_text()
        found = outcome(run)
        assert found["steps"][0] == STEPS, found["steps"]  # type: ignore[index]
        return found


def _check(folder: Path, workers: int, chain: tuple[int, ...]) -> None:
    run, log = folder / "run", folder / "log"
    words, done = _words(folder, workers), 0
    for at in chain:
        given = [f"resume={run}"] if done else [*words, f"run.dir={run}"]
        code = command(given, log, before=lambda at=at, done=done: _stop_after(at - done))
        assert code == EXIT_CODES["SIGTERM"], f"ended with {code}: {log.read_text()[-2000:]}"
        assert Run(run).saved()[0].stem == f"step-{at:08d}"
        done = at
    finish(words, run, log)
    check_no_traceback(log)
    assert outcome(run) == _reference(workers)


def _stop_after(steps: int) -> None:
    """SIGTERM in the step of that number from now on."""
    at_call(loop, "train_step", steps, lambda: os.kill(os.getpid(), signal.SIGTERM))


def _in_a_part(folder: Path, call: int) -> None:
    """Killed before that part of a batch: what earlier parts gave is lost with the process."""
    run, log = folder / "run", folder / "log"
    words = _words(folder, 0)
    code = command(
        [*words, f"run.dir={run}"], log, before=lambda: at_call(one_step, "_backward", call, die)
    )
    assert code == -signal.SIGKILL, f"ended with {code}: {log.read_text()[-2000:]}"
    code = command(next_words(words, run), log)
    assert code == 0, f"ended with {code}: {log.read_text()[-2000:]}"
    assert outcome(run) == _reference(0)
