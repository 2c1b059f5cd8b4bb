"""Weights as safetensors: a state dict that many tools read, and what it takes to use it."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def to_safetensors(model: nn.Module, metadata: Mapping[str, str]) -> bytes:
    """The file's bytes: the state dict of `model` on the CPU, `metadata` in the header."""
    import safetensors.torch

    # each tensor on its own: the format knows no views, and no memory format
    tensors = {
        name: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, value in model.state_dict().items()
    }
    data: bytes = safetensors.torch.save(tensors, {"format": "pt", **metadata})
    return data


def weights_of(data: bytes) -> dict[str, Tensor]:
    """The state dict in the file's bytes."""
    import safetensors.torch

    found: dict[str, Tensor] = safetensors.torch.load(data)
    return found
