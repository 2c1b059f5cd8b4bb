"""What a training will cost in time, memory and disk, from a few of its steps; and what it did."""

import sys
from pathlib import Path

import torch

from cnn_cli.device import Device
from cnn_cli.engine import checkpoint
from cnn_cli.engine.budget import Costs
from cnn_cli.engine.costing import Costing
from cnn_cli.engine.saving import snapshot
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.task import Task

FORWARD = 1 / 3
"""Share of a training step's time that a validation takes for as many pictures: the backward pass
costs about twice the forward one."""


def expected(task: Task, state: TrainState, per_step: float) -> Costing:
    """What the whole of this training costs, after some steps of `per_step` seconds each.

    Under a time budget that is its time; else the steps to come, with validations at FORWARD of
    the time of as many training pictures. Small pictures take as much less as they have fewer
    pixels. Checkpoints are as large as one would be now.
    """
    if state.pace:
        costs, seconds = state.pace.costs, state.pace.budget
    else:
        progress, augmentation = state.progress(), task.settings.augmentation
        whole = per_step / augmentation.pixels(progress)
        closing = whole * FORWARD * len(task.dataset.val) / task.batch_size
        costs = Costs(whole * augmentation.pixels_ahead(progress), closing)
        seconds = state.elapsed + task.calendar.seconds(costs, state.step, state.total)
    seconds = min(seconds, task.max_seconds)
    validated = costs.closing / task.trainer.validate_every
    epoch = costs.step * task.plan.steps_per_epoch + validated
    return Costing(seconds, epoch, peak_memory(task.device), disk(task, state))


def disk(task: Task, state: TrainState, largest: int | None = None) -> int:
    """Bytes of the checkpoints that are kept at the end, at most; `largest` where one is known."""
    each = largest or checkpoint.size(snapshot(task, state))
    has_best = len(task.dataset.val) > 0
    calendar = task.calendar
    times = -(-state.total // calendar.closing)
    times += state.total // calendar.saving if calendar.saving else 0
    return each * min(times, checkpoint.KEPT + has_best)


def spent(task: Task, state: TrainState) -> Costing:
    """What it has cost so far."""
    files = [file for file in _files(task.run.checkpoints) if file.suffix == ".ckpt"]
    taken = sum(file.stat().st_size for file in files)
    return Costing(state.elapsed, None, peak_memory(task.device), taken)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


def peak_memory(device: Device) -> int | None:
    """Bytes: of the GPU's memory where the arithmetic is done there, else of this process."""
    if device.place.type == "cuda":
        return torch.cuda.max_memory_allocated(device.place)
    try:
        import resource
    except ImportError:  # Windows
        return None
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else 1024 * largest
