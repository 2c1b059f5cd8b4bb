"""TrainState: everything that must be saved to go on as if nothing had happened."""

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from cnn_cli.device import Device
from cnn_cli.engine.checkpoint import Checkpoint
from cnn_cli.engine.finite import Statistics
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
    """steps in all"""
    step: int = 0
    """steps done"""
    best: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    stale: int = 0
    elapsed: float = 0.0
    metrics_bytes: int = 0
    watch: Watch = field(default_factory=Watch)
    """what a schedule that listens to validations has heard"""
    unwritten: bytes = b""
    """lines of metrics.jsonl that a full disk has refused so far"""
    failed_saves: int = 0
    """in a row"""
    saved_best: tuple[float | None, float | None, int | None] = (None, None, None)
    """best, best_loss and best_step of the checkpoint that best.json names"""
    statistics: Statistics = field(init=False)
    """batch norm's, as they were before the step"""

    def __post_init__(self) -> None:
        self.statistics = Statistics(self.model)

    @property
    def evaluated(self) -> nn.Module:
        return self.ema or self.model


def new_state(
    model: nn.Module, optimizer: Optimizer, device: Device, ema: bool, steps: int, total: int
) -> TrainState:
    """The state before step 0; `steps` is the number of steps of an epoch."""
    averaged = copy.deepcopy(model).eval().requires_grad_(False) if ema else None
    scaler = GradScaler(device.place.type) if device.precision == "fp16" else None
    rows = torch.zeros(steps, 4, device=device.place)
    return TrainState(model, averaged, optimizer, scaler, rows, total)


def restore(state: TrainState, saved: Checkpoint) -> None:
    """Put what a checkpoint holds into a new state. Raises RuntimeError where shapes differ."""
    state.model.load_state_dict(saved.model)
    if state.ema is not None and saved.ema is not None:
        state.ema.load_state_dict(saved.ema)
    state.optimizer.load_state_dict(saved.optimizer)
    if state.scaler is not None and saved.scaler is not None:
        state.scaler.load_state_dict(saved.scaler)
    state.rows.copy_(saved.rows)
    if saved.watch is not None:
        state.watch = Watch(**saved.watch)
    for name in ("step", "best", "best_loss", "best_step", "stale", "elapsed", "metrics_bytes"):
        setattr(state, name, getattr(saved, name))
    state.saved_best = saved.best, saved.best_loss, saved.best_step


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """average <- decay * average + (1 - decay) * model, over weights and batch-norm statistics.

    Early on the decay is smaller, min(decay, (1 + step) / (10 + step)), so that the random first
    weights are soon forgotten. Whole numbers (batch norm's counter) are copied.
    """
    decay = min(decay, (1 + step) / (10 + step))
    targets, sources = _tensors(average), _tensors(model)
    floats = [i for i, tensor in enumerate(targets) if tensor.is_floating_point()]
    torch._foreach_lerp_([targets[i] for i in floats], [sources[i] for i in floats], 1 - decay)
    for i in set(range(len(targets))) - set(floats):
        targets[i].copy_(sources[i])


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
