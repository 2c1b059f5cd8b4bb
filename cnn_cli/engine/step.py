"""One step: an optimizer update from one batch, computed in one or more parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnn_cli.augmentation.pipeline import Augmentation
from cnn_cli.data.contract import Batch
from cnn_cli.device import Device
from cnn_cli.engine.finite import Bad, not_finite, step_unless
from cnn_cli.engine.loss import Loss
from cnn_cli.engine.state import TrainState, averaging, update_average
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
    loss: Loss
    accumulate: int
    clip_norm: float | None
    ema_decay: float | None
    seed: int
    cropped: bool
    """the source has done the augmentation's leading crop while gathering"""


def set_learning_rate(state: TrainState, settings: StepSettings) -> None:
    """The rate of a step is the schedule at its middle, so that neither end of it is wasted."""
    factor = settings.schedule(state.progress(0.5)) * state.watch.factor
    for group, rate in zip(state.optimizer.param_groups, settings.rates, strict=True):
        group["lr"] = rate * factor


Compute = Callable[[TrainState, Tensor, Tensor, Tensor, Tensor | float], None]
"""What `compute` does, of (state, pictures, targets, row, share); perhaps by replaying it."""


def train_step(
    state: TrainState,
    batch: Batch,
    settings: StepSettings,
    device: Device,
    computed: Compute | None = None,
) -> None:
    """Update the weights by one batch and note loss, right answers and gradient norm in state.rows.

    Nothing here waits for the device: figures stay there until somebody reads them. `computed`
    may do in another way what `compute` does.
    """
    seed_layers(settings.seed, "layers", batch.step)
    set_learning_rate(state, settings)
    pictures, targets = _inputs(state, batch, settings, device)
    row = state.rows[batch.step % len(state.rows)]
    share = 0.0 if settings.ema_decay is None else averaging(settings.ema_decay, batch.step)
    if computed is None:
        compute(state, pictures, targets, row, share, settings, device)
    else:
        computed(state, pictures, targets, row, share)


def _inputs(
    state: TrainState, batch: Batch, settings: StepSettings, device: Device
) -> tuple[Tensor, Tensor]:
    """The augmented pictures and the targets, where the model is."""
    labels = batch.labels.to(device.place, non_blocking=True)
    mixes = settings.augmentation.mixes
    targets = settings.loss.targets(labels, settings.num_classes, soft=mixes)
    pictures, targets = settings.augmentation(
        batch.images.to(device.place, non_blocking=True),
        targets,
        batch.step,
        settings.cropped,
        progress=state.progress(),
    )
    return device.input(pictures), targets


def compute(
    state: TrainState,
    pictures: Tensor,
    targets: Tensor,
    row: Tensor,
    share: Tensor | float,
    settings: StepSettings,
    device: Device,
) -> None:
    """Forward, backward and update; all of it happens on the device, and is the same each time.

    The step's figures are written to `row`; `share` of the way the averaged weights follow.
    """
    state.statistics.keep()
    parts = [(pictures, targets)]
    if settings.accumulate > 1:
        chunks = (whole.chunk(settings.accumulate) for whole in (pictures, targets))
        parts = list(zip(*chunks, strict=True))
    unit = 1 / settings.loss.total(targets)
    sums = [_backward(state, *part, settings.loss, unit, device) for part in parts]
    loss, right = sums[0]
    for more, hits in sums[1:]:
        loss, right = loss + more, right + hits
    if isinstance(unit, Tensor):  # so that its sum, divided by the pictures, is the weighted mean
        loss = loss * (unit * len(targets))
    count = torch.full((), len(targets), dtype=torch.float32, device=loss.device)
    bad = _update(state, settings, (loss, right, count), row)
    if state.ema is not None:
        update_average(*state.averaged, share, bad)


def _backward(
    state: TrainState,
    images: Tensor,
    targets: Tensor,
    loss: Loss,
    unit: Tensor | float,
    device: Device,
) -> tuple[Tensor, Tensor]:
    """Add one part's gradient; its summed loss times `unit` is its part of the batch's mean.

    Gives the summed loss, and how many answers were right.
    """
    with device.autocast():
        logits = state.forward(images)
    summed = loss(logits, targets)
    # the gradient of the mean, without a product that autograd would have to go back through
    seed = unit if isinstance(unit, Tensor) else torch.full_like(summed, unit)
    torch.autograd.backward(summed, state.scaler.scale(seed) if state.scaler else seed)
    labels = targets if targets.ndim == 1 else targets.argmax(1)
    right = logits.detach().argmax(1) == labels
    return summed.detach(), right.sum(dtype=torch.float32)


def _update(
    state: TrainState, settings: StepSettings, figures: Sequence[Tensor], row: Tensor
) -> Bad:
    """Change the weights by the gradient; a step that is not finite changes nothing at all.

    Notes `figures` (loss, right answers, pictures) and the gradient's norm in `row`. Gives whether
    the step was one that is not finite.
    """
    if state.scaler:
        state.scaler.unscale_(state.optimizer)
    gradients = [p.grad for p in state.parameters if p.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    torch.stack([*figures, norm], out=row)
    bad = not_finite(figures[0] + norm)
    if settings.clip_norm is not None:
        torch.nn.utils.clip_grads_with_norm_(state.parameters, settings.clip_norm, norm)
    if state.scaler:
        state.scaler.step(state.optimizer)  # which skips such a step by itself
        state.scaler.update()
    else:
        step_unless(bad, state.optimizer)
    state.statistics.restore(bad)
    for parameter in state.parameters:
        parameter.grad = None
    return bad
