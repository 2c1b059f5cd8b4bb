"""Mean and standard deviation of a data set's channels, for the normalisation of the input."""

import torch
from torch import Tensor

from cnn_cli.data.contract import Preprocessing, Split
from cnn_cli.errors import UserError
from cnn_cli.rng import generator

SAMPLE = 5000
"""Pictures looked at: of 32x32 pixels they give the mean to about 0.002."""
CHUNK = 250
LEAST_STD = 1 / 255
"""A channel of one colour has no spread; one grey level keeps the division harmless."""

Channels = tuple[float, ...]


def measure(split: Split, preprocessing: Preprocessing) -> tuple[Channels, Channels]:
    """(mean, std) per channel, for values in [0, 1]; one that `preprocessing` states is kept.

    They come from the pictures of `split`, or from a fixed sample of 5,000 where it has more.
    Raises UserError for an empty split, and for files that cannot be read.
    """
    mean, std = preprocessing.mean, preprocessing.std
    if mean is not None and std is not None:
        return mean, std
    if len(split) == 0:
        raise UserError("dataset.mean: there are no training pictures to measure it on; state it")
    measured_mean, measured_std = _moments(split)
    return mean or measured_mean, std or measured_std


def sample(n: int, most: int) -> Tensor:
    """(min(n, most),) int64, rising: the same pictures of `n` each time, drawn at random."""
    return torch.randperm(n, generator=generator(0, "statistics"))[:most].sort().values


def _moments(split: Split) -> tuple[Channels, Channels]:
    total = square = torch.zeros(1, dtype=torch.int64)
    pixels = 0
    for part in torch.split(sample(len(split), SAMPLE), CHUNK):
        values = split.take(part).images.to(torch.int64)  # whole numbers: exact in any order
        total = total.to(values.device) + values.sum((0, 2, 3))
        square = square.to(values.device) + values.square().sum((0, 2, 3))
        pixels += values[:, 0].numel()
    mean = total.cpu().double() / pixels
    variance = (square.cpu().double() / pixels - mean.square()).clamp(min=0)
    return _unit(mean), tuple(max(std, LEAST_STD) for std in _unit(variance.sqrt()))


def _unit(values: Tensor) -> Channels:
    return tuple((values / 255).tolist())
