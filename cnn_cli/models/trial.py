"""A model shown pictures without content, to learn before any work whether it fits them."""

import torch
from torch import nn

from cnn_cli.errors import UserError

CLASSES = 10
"""Stands for the number of classes, which only the data knows."""


def check_output(network: nn.Module, channels: int, size: int) -> None:
    """Show `network`, on the meta device, two pictures (2, channels, size, size).

    Raises UserError where it does not take them or gives other than logits (2, CLASSES).
    """
    try:
        logits = network.eval()(torch.empty(2, channels, size, size, device="meta"))
    except NotImplementedError:  # an operation that needs real numbers
        return
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"model: does not take pictures of {channels}x{size}x{size}: {reason}"
        ) from error
    if not isinstance(logits, torch.Tensor) or logits.shape != (2, CLASSES):
        shape = list(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise UserError(f"model: gives {shape} for 2 pictures and {CLASSES} classes, not [2, 10]")


def check_smaller(network: nn.Module, channels: int, size: int, side: int) -> None:
    """Raise UserError unless `network`, for pictures of `size` pixels, takes those of `side`."""
    try:
        check_output(network, channels, side)
    except UserError as error:
        raise UserError(
            f"augmentation: shrinks pictures from {size}x{size} to {side}x{side}; {error}"
            " (take another augmentation, or a model with global pooling)"
        ) from error


def smallest_part(batch_size: int, accumulate: int) -> int:
    """Pictures in the smallest part of a batch that torch.chunk makes `accumulate` parts of."""
    part = -(-batch_size // accumulate)
    return batch_size % part or part


def check_training(
    network: nn.Module, channels: int, size: int, batch_size: int, accumulate: int
) -> None:
    """Show `network`, on the meta device and in training, the smallest part of a batch.

    Raises UserError where batch normalisation has a single value per channel, of which there is no
    variance (Ioffe & Szegedy 2015).
    """
    part = smallest_part(batch_size, accumulate)
    try:
        network.train()(torch.empty(part, channels, size, size, device="meta"))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise UserError(f"model: cannot train on {part} pictures: {error}") from error
        raise UserError(
            f"trainer.batch_size={batch_size}, trainer.accumulate={accumulate}: a part of"
            f" {part} picture leaves batch normalisation one value per channel; give a larger"
            " batch, fewer parts, or (model=cnn) model.norm=group"
        ) from error
    except (NotImplementedError, RuntimeError):  # if wrong in evaluation too, it was told there
        return
