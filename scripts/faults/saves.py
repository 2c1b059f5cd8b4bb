"""Killed at each point of the save protocol, and again while the next process recovers."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from cnn_cli import files
from cnn_cli.data.contract import Preprocessing
from cnn_cli.engine.checkpoint import Checkpoint, adopt, load, save
from cnn_cli.lock import LOCK, claimed
from cnn_cli.run import Run, find_checkpoint
from faults.case import Case, die, in_child

TOLD = "kill at each named point of the save protocol, and again during recovery"

ACTS: tuple[tuple[Any, str], ...] = (
    (files.Hashed, "write"), (os, "fsync"), (Path, "replace"), (Path, "unlink"),
)  # fmt: skip
"""What a save does to the disk; a process can die before and after each."""

SAMPLE = 23
"""Every how manieth pair of points the tests take."""


def cases(full: bool) -> Iterator[Case]:
    """Each point; then pairs of a point and one of the recovery, in the tests some of them."""
    points = len(_traced(_one_save))
    recovery = len(_traced(_recover))
    for first in range(points):
        yield Case(f"save-{first}", lambda folder, at=first: _check(folder, [at]))
    pairs = [(first, second) for first in range(points) for second in range(recovery)]
    for first, second in pairs[:: 1 if full else SAMPLE]:
        yield Case(f"save-{first}-{second}", lambda folder, at=(first, second): _check(folder, at))


def example(step: int) -> Checkpoint:
    """A small checkpoint whose weights say which step it is of."""
    weights = {"net.weight": torch.full((40, 40), float(step))}
    return Checkpoint(
        model=weights, ema=None, optimizer={"state": {}, "param_groups": []}, scaler=None,
        step=step, total=9, best=0.5, best_loss=0.7, best_step=1 if step < 3 else 3, stale=0,
        rows=torch.zeros(3, 4), elapsed=1.5, metrics_bytes=0, classes=("a", "b"),
        preprocessing=Preprocessing(3, 8), config="seed: 0\n", fingerprint="f", versions={},
    )  # fmt: skip


def _start(folder: Path) -> Run:
    run = Run(folder)
    run.config.write_text("seed: 0\n")
    save(run, example(1))
    save(run, example(2))
    return run


def _one_save(run: Run) -> None:
    save(run, example(3))


def _recover(run: Run) -> None:
    """What a resumed process does: clean up, go on from what is there, save again."""
    with claimed(run.folder, is_new=False):
        found = find_checkpoint(str(run.folder), run.folder, "last")
        saved = load(found.path)
        adopt(run, found.path, saved)
        step = saved.step
        for next_step in range(step + 1, 5):
            save(run, example(next_step))


def _check(folder: Path, points: tuple[int, ...] | list[int]) -> None:
    run = _start(folder)
    for work, point in zip((_one_save, _recover), points, strict=False):
        ended = in_child(lambda work=work, point=point: _killed_at(point, lambda: work(run)))
        assert ended in (-signal.SIGKILL, 0), f"ended with {ended}"  # 0: it had fewer points left
        _sound(run)
    assert in_child(lambda: _recover(run)) == 0
    _sound(run)
    assert find_checkpoint(str(folder), folder, "last").path.stem == "step-00000004"
    assert find_checkpoint(str(folder), folder, "best").path.stem == "step-00000003"
    there = {path.name for path in run.checkpoints.iterdir()}
    pairs = {f"step-0000000{step}.{kind}" for step in (3, 4) for kind in ("ckpt", "json")}
    assert there == {"best.json", "last.json"} | pairs, there
    assert {path.name for path in folder.iterdir()} == {"config.yaml", "checkpoints", LOCK}


def _sound(run: Run) -> None:
    """Whatever has happened, both ways to a checkpoint end at a whole one of the right weights."""
    for prefer in ("best", "last"):
        found = find_checkpoint(str(run.folder), run.folder, prefer)  # type: ignore[arg-type]
        saved = load(found.path)
        assert torch.equal(saved.model["net.weight"], example(saved.step).model["net.weight"])
        least = 1 if prefer == "best" else 2
        assert least <= saved.step <= 4, f"{prefer} is step {saved.step}"


def _traced(work: Callable[[Run], None]) -> list[str]:
    """The acts of `work`, twice each: before and after."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        run = _start(Path(folder))
        seen: list[str] = []
        with _Watched(seen.append):
            work(run)
    return seen


def _killed_at(point: int, work: Callable[[], None]) -> None:
    count = 0

    def reached(_: str) -> None:
        nonlocal count
        if count == point:
            die()
        count += 1

    with _Watched(reached):
        work()


class _Watched:
    """While open, tells of each act before and after it is done."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell
        self.before: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> None:
        for owner, name in ACTS:
            original = getattr(owner, name)
            self.before.append((owner, name, original))
            setattr(owner, name, self._wrapped(name, original))

    def _wrapped(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def act(*given: Any, **named: Any) -> Any:
            telling = name != "write" or given[0].size == 0  # of many writes the first will do
            if telling:
                self.tell(f"before {name}")
            result = original(*given, **named)
            if telling:
                self.tell(f"after {name}")
            return result

        return act

    def __exit__(self, *_: object) -> None:
        for owner, name, original in self.before:
            setattr(owner, name, original)
