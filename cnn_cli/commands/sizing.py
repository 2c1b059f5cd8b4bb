"""Steps that fit into a GPU's memory: trainer.batch_size=auto, and batches in parts."""

import dataclasses

from cnn_cli.commands import wiring
from cnn_cli.config import TrainConfig
from cnn_cli.data.contract import Dataset, Preprocessing
from cnn_cli.device import Device
from cnn_cli.engine.state import TrainState
from cnn_cli.engine.task import Task
from cnn_cli.engine.warmup import largest_batch, warm_up
from cnn_cli.models.classifier import Classifier
from cnn_cli.run import Run

SMALLEST = 32
STEPS = 50
"""Steps that an epoch keeps at least: what fits is no reason to train in a few large ones."""


def task(
    config: TrainConfig,
    device: Device,
    preprocessing: Preprocessing,
    dataset: Dataset,
    run: Run,
    model: Classifier,
) -> tuple[Task, TrainState, list[str]]:
    """As `wiring.task`; on a GPU steps have been tried, and the notes say what came of it.

    Raises UserError where not even one picture fits.
    """
    made, state = wiring.task(config, device, preprocessing, dataset, run, model)
    if device.place.type != "cuda":
        return made, state, []
    fitting, notes = warm_up(made, state)
    return fitting, state, notes


def settle(
    config: TrainConfig,
    device: Device,
    preprocessing: Preprocessing,
    dataset: Dataset,
    run: Run,
    model: Classifier,
) -> tuple[TrainConfig, list[str]]:
    """With a number as the size of batch, and what there is to say about it.

    Raises UserError where nothing fits.
    """
    if config.trainer.batch_size != "auto":
        return config, []
    sizes = sizes_for(len(dataset.train), config.trainer.accumulate)
    first = _sized(config, sizes[0])
    made, state = wiring.task(first, device, preprocessing, dataset, run, model)
    size = largest_batch(made, state, sizes)
    why = "the GPU's memory has no room for more" if size < sizes[-1] else "an epoch is few steps"
    return _sized(config, size), [f"trainer.batch_size=auto is {size}: {why}"]


def sizes_for(pictures: int, parts: int = 1) -> list[int]:
    """Powers of two from SMALLEST up, and from `parts`, as long as an epoch has STEPS steps.

    There is always one.
    """
    sizes = [SMALLEST]
    while sizes[0] < parts:
        sizes[0] *= 2
    while 2 * sizes[-1] * STEPS <= pictures:
        sizes.append(2 * sizes[-1])
    return sizes


def _sized(config: TrainConfig, size: int) -> TrainConfig:
    return dataclasses.replace(config, trainer=dataclasses.replace(config.trainer, batch_size=size))
