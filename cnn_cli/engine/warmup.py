"""On a GPU, before training: its kernels are chosen, and a step is seen to fit into its memory.

Steps are done on the model itself, whose weights and statistics are put back after them; all else
is a copy. A step that does not fit is done in more parts.
"""

import copy
from dataclasses import replace

import torch
from torch import nn

from cnn_cli.data.contract import Batch
from cnn_cli.engine.graph import BEFORE
from cnn_cli.engine.state import TrainState, tensors
from cnn_cli.engine.step import StepSettings, train_step
from cnn_cli.engine.task import Task
from cnn_cli.errors import UserError

NORMS = (nn.modules.batchnorm._BatchNorm,)


def warm_up(task: Task, state: TrainState) -> tuple[Task, list[str]]:
    """The task as its steps fit into the GPU's memory, and what there is to say about it.

    Raises UserError where not even one picture fits, pictures cannot be read, or deterministic
    kernels are asked for that there are not.
    """
    batch = task.dataset.train.take(task.plan.indices(0))
    parts = task.settings.accumulate
    while not _fits(task, state, replace(task.settings, accumulate=parts), batch):
        parts *= 2
        if parts > len(batch.labels):
            raise UserError(
                "not even one picture fits into the GPU's memory with this model; take a smaller"
                " one, smaller pictures (dataset.size), device=cpu, or free the GPU of others' work"
            )
    if parts == task.settings.accumulate:
        return task, []
    return in_parts(task, parts), [_told(task, state.model, parts)]


def in_parts(task: Task, parts: int) -> Task:
    """With each batch done in so many parts."""
    return replace(task, settings=replace(task.settings, accumulate=parts))


def largest_batch(task: Task, state: TrainState, sizes: list[int]) -> int:
    """The largest of `sizes`, which rise, whose step fits into the GPU's memory as a whole.

    Raises UserError where the first does not.
    """
    found = 0
    for size in sizes:
        plan = replace(task.plan, batch_size=size)
        if not _fits(task, state, task.settings, task.dataset.train.take(plan.indices(0))):
            break
        found = size
    if not found:
        raise UserError(
            f"trainer.batch_size=auto: {sizes[0]} pictures do not fit into the GPU's memory; give a"
            " smaller number, or a smaller model"
        )
    return found


def _fits(task: Task, state: TrainState, settings: StepSettings, batch: Batch) -> bool:
    """Whether steps of this kind can be done on whole pictures; leaves the state as it is."""
    settings = replace(settings, augmentation=settings.augmentation.at_full_size())
    kept = [tensor.detach().clone() for tensor in tensors(state.model)]
    try:
        _steps(state, batch, settings, task)
    except torch.OutOfMemoryError:
        return False
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise UserError(
            f"device.deterministic=true: {str(error).partition(' does not have')[0]} has no kernel"
            " that gives the same bits each time; leave it out, or take another layer"
        ) from error
    finally:
        state.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_copy_(tensors(state.model), kept)
        torch.cuda.empty_cache()
    return True


def _steps(state: TrainState, batch: Batch, settings: StepSettings, task: Task) -> None:
    own = {id(tensor): tensor for tensor in state.model.parameters()}
    other = TrainState(
        state.model,
        copy.deepcopy(state.ema),
        copy.deepcopy(state.optimizer, own),  # of the same parameters, with momenta of its own
        copy.deepcopy(state.scaler),
        torch.zeros_like(state.rows),
        max(state.total, BEFORE),
    )
    other.forward = state.forward
    other.model.train()
    for step in range(BEFORE):
        train_step(other, batch._replace(step=step), settings, task.device)
    task.device.synchronize()


def _told(task: Task, model: nn.Module, parts: int) -> str:
    size = len(task.plan.indices(0))
    told = (
        f"a batch of {size} does not fit into the GPU's memory: each is done in {parts} parts of"
        f" {-(-size // parts)} pictures (trainer.accumulate={parts})"
    )
    if any(isinstance(module, NORMS) for module in model.modules()):
        return f"{told}; batch norm takes each part by itself, so results differ a little"
    return f"{told}; results are the same"
