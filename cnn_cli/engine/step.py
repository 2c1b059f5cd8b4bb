"""One step: an optimizer update from one batch, computed in one or more parts."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.data.contract import Batch
from cnn_cli.device import Device
from cnn_cli.engine.state import TrainState, update_average
from cnn_cli.optim.schedules import Schedule
from cnn_cli.rng import seed_layers


@dataclass(frozen=True)
class StepSettings:
    """What does not change from step to step."""

    augmentation: Augmentation
    schedule: Schedule
    rates: tuple[float, ...]
    """the peak learning rate of each parameter group"""
    num_classes: int
    label_smoothing: float
    accumulate: int
    clip_norm: float | None
    ema_decay: float | None
    seed: int
    cropped: bool
    """the source has done the augmentation's leading crop while gathering"""


def soft_targets(labels: Tensor, num_classes: int, smoothing: float) -> Tensor:
    """(N,) int64 -> (N, K) float32 rows that sum to 1 (Szegedy et al. 2016, section 7)."""
    targets = F.one_hot(labels, num_classes).float()
    return targets.mul_(1 - smoothing).add_(smoothing / num_classes) if smoothing else targets


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Summed over the batch, in nats; logits and targets (N, K)."""
    return -(targets * logits.float().log_softmax(dim=1)).sum()


def set_learning_rate(state: TrainState, settings: StepSettings) -> None:
    """The rate of a step is the schedule at its middle, so that neither end of it is wasted."""
    factor = settings.schedule((state.step + 0.5) / state.total)
    for group, rate in zip(state.optimizer.param_groups, settings.rates, strict=True):
        group["lr"] = rate * factor


def train_step(state: TrainState, batch: Batch, settings: StepSettings, device: Device) -> None:
    """Update the weights by one batch and note loss, right answers and gradient norm in state.rows.

    Nothing here waits for the device: figures stay there until somebody reads them.
    """
    seed_layers(settings.seed, "layers", batch.step)
    set_learning_rate(state, settings)
    labels = batch.labels.to(device.place, non_blocking=True)
    targets = soft_targets(labels, settings.num_classes, settings.label_smoothing)
    pictures, targets = settings.augmentation(
        batch.images.to(device.place, non_blocking=True), targets, batch.step, settings.cropped
    )
    row = state.rows[batch.step % len(state.rows)].zero_()
    parts = zip(
        device.input(pictures).chunk(settings.accumulate),
        targets.chunk(settings.accumulate),
        strict=True,
    )
    for images, wanted in parts:
        _backward(state, images, wanted, len(labels), row, device)
    _update(state, settings, row)
    if state.ema is not None and settings.ema_decay is not None:
        update_average(state.ema, state.model, settings.ema_decay, batch.step)


def _backward(
    state: TrainState, images: Tensor, targets: Tensor, count: int, row: Tensor, device: Device
) -> None:
    """Add one part's share of the batch's mean gradient."""
    with device.autocast():
        logits = state.model(images)
    loss = soft_cross_entropy(logits, targets)
    mean = loss / count
    torch.autograd.backward(state.scaler.scale(mean) if state.scaler else mean)
    with torch.no_grad():
        right = (logits.argmax(1) == targets.argmax(1)).sum()
        row[:3] += torch.stack([loss, right, torch.full_like(loss, len(images))])


def _update(state: TrainState, settings: StepSettings, row: Tensor) -> None:
    if state.scaler:
        state.scaler.unscale_(state.optimizer)
    parameters = [p for p in state.model.parameters() if p.grad is not None]
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    row[3] = norm
    if settings.clip_norm is not None:
        torch.nn.utils.clip_grads_with_norm_(parameters, settings.clip_norm, norm)
    if state.scaler:
        state.scaler.step(state.optimizer)
        state.scaler.update()
    else:
        state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
