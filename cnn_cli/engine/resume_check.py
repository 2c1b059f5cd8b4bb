"""Is a resumed run equal to one that was never stopped? Tried on the set-up itself."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cnn_cli.engine import checkpoint
from cnn_cli.engine.saving import snapshot
from cnn_cli.engine.state import TrainState, restore
from cnn_cli.engine.step import train_step
from cnn_cli.engine.task import Task
from cnn_cli.run import Run

SECONDS = 12.0
"""That the first training may take; the others take about as long, together three times."""
MOST_STEPS = 40

Make = Callable[[], tuple[Task, TrainState]]
"""The task and a state before step 0, as training has them, each time anew."""
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Resumed:
    """What two trainings of `steps` steps came to, the second saved and resumed after `saved`."""

    steps: int
    saved: int
    tensors: int
    """compared: weights, averages, momenta, statistics, figures of the steps"""
    differing: Mapping[str, float]
    """name -> largest difference (inf where one lacks it), for those that are not equal"""
    repeatable: bool
    """two trainings without a stop between them are equal"""

    @property
    def passed(self) -> bool:
        return not self.differing


def resume_check(make: Make, advance: Advance) -> Resumed:
    """Train for some steps; again, with a checkpoint and a new state in the middle; compare.

    Where they differ, a third training without a stop says whether any two are equal on this
    device. Raises OSError where the checkpoint cannot be written.
    """
    whole, steps = _timed(make, advance)
    if steps < 2:
        raise ValueError("a training of one step cannot be stopped in its middle")
    half = steps // 2
    with tempfile.TemporaryDirectory() as folder:
        task, state = make()
        _train(task, state, half, advance)
        path = checkpoint.save(Run(Path(folder)), snapshot(task, state))
        saved = checkpoint.load(path)
    task, resumed = make()
    restore(resumed, saved)
    _train(task, resumed, steps, advance)
    differing = differences(everything(whole), everything(resumed))
    repeatable = True
    if differing:
        task, again = make()
        _train(task, again, steps, advance)
        repeatable = not differences(everything(whole), everything(again))
    return Resumed(steps, half, len(everything(whole)), differing, repeatable)


def _timed(make: Make, advance: Advance) -> tuple[TrainState, int]:
    """A training of up to MOST_STEPS steps that takes about SECONDS."""
    task, state = make()
    end = time.monotonic() + SECONDS
    for _ in _steps(task, state, min(MOST_STEPS, state.total)):
        advance(1)
        if time.monotonic() > end and state.step >= 2:
            break
    return state, state.step


def _train(task: Task, state: TrainState, until: int, advance: Advance) -> None:
    for _ in _steps(task, state, until):
        advance(1)


def _steps(task: Task, state: TrainState, until: int) -> Iterator[None]:
    state.model.train()
    for batch in task.dataset.train.batches(task.plan, state.step, task.window):
        if state.step >= until:
            return
        train_step(state, batch, task.settings, task.device)
        state.step += 1
        yield


def everything(state: TrainState) -> dict[str, Tensor]:
    """All tensors and numbers that training changes, by name."""
    parts: dict[str, Any] = {
        "model": state.model.state_dict(),
        "ema": state.ema.state_dict() if state.ema else {},
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict() if state.scaler else {},
        "rows": state.rows,
        "step": state.step,
    }
    found: dict[str, Tensor] = {}
    waiting = list(parts.items())
    while waiting:
        name, part = waiting.pop()
        if isinstance(part, Mapping):
            waiting += [(f"{name}.{key}", value) for key, value in part.items()]
        elif isinstance(part, list | tuple):
            waiting += [(f"{name}.{place}", value) for place, value in enumerate(part)]
        elif isinstance(part, Tensor):
            found[name] = part.detach().cpu()
        elif isinstance(part, bool | int | float):
            found[name] = torch.tensor(float(part), dtype=torch.float64)
    return found


def differences(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, float]:
    """Name -> largest difference, for what is not equal bit for bit; the largest ones first."""
    found = {}
    for name in sorted({*one, *other}):
        a, b = one.get(name), other.get(name)
        if a is None or b is None or a.shape != b.shape:
            found[name] = float("inf")
        elif not torch.equal(a, b):
            found[name] = float((a.double() - b.double()).abs().max())
    return dict(sorted(found.items(), key=lambda item: -item[1]))
