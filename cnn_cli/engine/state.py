"""TrainState: everything that must be saved to go on as if nothing had happened."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from cnn_cli.device import Device
from cnn_cli.engine.budget import Pace, pace_of
from cnn_cli.engine.checkpoint import Checkpoint
from cnn_cli.engine.finite import Bad, Statistics
from cnn_cli.engine.fitting import misfits
from cnn_cli.errors import UserError
from cnn_cli.optim.schedules import Watch

LOSS, CORRECT, COUNT, GRAD_NORM = range(4)
"""Columns of TrainState.rows: summed loss, right answers, pictures, norm of the gradient."""


@dataclass
class TrainState:
    """Changed by training alone; all else is a function of the config and of `step`."""

    model: nn.Module
    ema: nn.Module | None
    """the averaged weights, which are then what is evaluated and reported"""
    optimizer: Optimizer
    scaler: GradScaler | None
    rows: Tensor
    """(steps of an epoch, 4) float32 on the device: what each step of the open epoch gave"""
    total: int
    """steps in all; under a time budget as it is known so far"""
    step: int = 0
    """steps done"""
    best: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    stale: int = 0
    elapsed: float = 0.0
    metrics_bytes: int = 0
    pace: Pace | None = None
    """what was decided and timed under a time budget; None without one"""
    watch: Watch = field(default_factory=Watch)
    """what a schedule that listens to validations has heard"""
    unwritten: bytes = b""
    """lines of metrics.jsonl that a full disk has refused so far"""
    failed_saves: int = 0
    """in a row"""
    recorded: int = 0
    """the step of the last line of metrics.jsonl"""
    saved_best: tuple[float | None, float | None, int | None, int] = (None, None, None, 0)
    """best, best_loss, best_step and stale as of the last save"""
    statistics: Statistics = field(init=False)
    """batch norm's, as they were before the step"""
    parameters: list[nn.Parameter] = field(init=False)
    """the model's that are trained: to look for them takes 0.1 ms"""
    averaged: tuple[list[Tensor], list[Tensor]] = field(init=False)
    """what `ema` has and what the model has"""
    forward: Callable[[Tensor], Tensor] = field(init=False)
    """the model, perhaps compiled: pictures to logits, in training"""

    def __post_init__(self) -> None:
        self.statistics = Statistics(self.model)
        self.forward = self.model
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.averaged = (tensors(self.ema), tensors(self.model)) if self.ema else ([], [])

    @property
    def evaluated(self) -> nn.Module:
        return self.ema or self.model

    def progress(self, ahead: float = 0.0) -> float:
        """Share of the training that is done, in [0, 1], `ahead` steps from here."""
        done = self.step + ahead
        return self.pace.progress_at(done, self.total) if self.pace else done / self.total


def new_state(
    model: nn.Module, optimizer: Optimizer, device: Device, ema: bool, steps: int, total: int
) -> TrainState:
    """The state before step 0; `steps` is the number of steps of an epoch."""
    averaged = copy.deepcopy(model).eval().requires_grad_(False) if ema else None
    scaler = GradScaler(device.place.type) if device.precision == "fp16" else None
    rows = torch.zeros(steps, 4, device=device.place)
    state = TrainState(model, averaged, optimizer, scaler, rows, total)
    state.forward = device.compiled(model)
    return state


def _completed(saved: dict[str, Any], optimizer: Optimizer) -> dict[str, Any]:
    """With the settings that torch did not know yet when it was saved."""
    fresh = optimizer.state_dict()["param_groups"]
    groups = zip(fresh, saved["param_groups"], strict=True)
    return {**saved, "param_groups": [{**own, **group} for own, group in groups]}


def restore(state: TrainState, saved: Checkpoint) -> None:
    """Put what a checkpoint holds into a new state. Raises UserError where it does not fit."""
    wrong = misfits(saved, state.model, state.ema, state.optimizer, state.rows)
    pace = None if saved.pace is None else pace_of(saved.pace, saved.step)
    if wrong := [*wrong, *["pace"] * ((pace is None) != (saved.pace is None))]:
        raise UserError(f"this checkpoint does not fit the model and optimizer: {', '.join(wrong)}")
    state.model.load_state_dict(saved.model)
    if state.ema is not None and saved.ema is not None:
        state.ema.load_state_dict(saved.ema)
    state.optimizer.load_state_dict(_completed(saved.optimizer, state.optimizer))
    if state.scaler is not None and saved.scaler is not None:
        state.scaler.load_state_dict(saved.scaler)
    state.rows.copy_(saved.rows)
    if pace is not None:  # the total was found out, not told
        state.pace, state.total = pace, saved.total
    if saved.watch is not None:
        state.watch = Watch(**saved.watch)
    for name in ("step", "best", "best_loss", "best_step", "stale", "elapsed", "metrics_bytes"):
        setattr(state, name, getattr(saved, name))
    state.recorded = saved.step if saved.recorded is None else saved.recorded
    state.saved_best = saved.best, saved.best_loss, saved.best_step, saved.stale


def averaging(decay: float, step: int) -> float:
    """The share of the way that averaged weights follow the others after `step`, 1 - decay.

    Early on the decay is smaller, min(decay, (1 + step) / (10 + step)), so that the random first
    weights are soon forgotten.
    """
    return 1 - min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def update_average(
    targets: list[Tensor], sources: list[Tensor], share: Tensor | float, bad: Bad
) -> None:
    """targets <- targets + share * (sources - targets): weights and batch-norm statistics.

    Whole numbers (batch norm's counter) are copied. Nothing moves where `bad` holds: the step was
    left out.
    """
    floats = [i for i, tensor in enumerate(targets) if tensor.is_floating_point()]
    moved, to = [targets[i] for i in floats], [sources[i] for i in floats]
    if isinstance(bad, Tensor):
        ways = torch._foreach_sub(to, moved)
        torch._foreach_mul_(ways, share * (~bad).float())
        torch._foreach_add_(moved, ways)
    elif not bad and isinstance(share, float):
        torch._foreach_lerp_(moved, to, share)
    for i in set(range(len(targets))) - set(floats):
        targets[i].copy_(sources[i])


def tensors(module: nn.Module) -> list[Tensor]:
    """All that is averaged of a model."""
    return [*module.parameters(), *module.buffers()]
