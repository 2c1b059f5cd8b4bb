"""What a checkpoint holds: the normalisation that belongs to the weights, and the network."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn


class Normalize(nn.Module):
    """(image - mean) / std per channel, as one multiply-add; keeps shape and memory format.

    Takes float (N, C, H, W) in [0, 1], or uint8 in 0..255, which saves a pass that scales it.
    `mean` and `std` hold one value a channel, for pictures in [0, 1]. Raises ValueError where their
    lengths differ or a std is not above 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != len(std):
            raise ValueError(
                f"mean has {len(mean)} channels and std {len(std)}; give one value each"
            )
        if not all(value > 0 for value in std):
            raise ValueError(f"std: {list(std)}; every channel's must be above 0")
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) uint8 or float to float of zero mean and unit variance."""
        scale, shift = 1 / self.std, -self.mean / self.std
        if images.dtype == torch.uint8:
            # Into the fresh copy: a second buffer costs more than the arithmetic.
            values = images.to(scale.dtype)
            return torch.addcmul(shift, values, scale / 255, out=values)
        return torch.addcmul(shift, images, scale)


class Classifier(nn.Module):
    """`net` behind its normalisation: (N, C, H, W), uint8 or in [0, 1], to logits (N, K).

    `still` names the batch norms of frozen parts: they stay in evaluation mode while the rest
    trains, since new statistics would change what the frozen weights give.
    """

    still: tuple[str, ...] = ()

    def __init__(self, normalize: Normalize, net: nn.Module) -> None:
        super().__init__()
        self.normalize = normalize
        self.net = net

    def train(self, mode: bool = True) -> Self:
        """Training mode for all but the batch norms that are to stay still."""
        super().train(mode)
        for name in self.still:
            self.get_submodule(name).eval()
        return self

    @property
    def wants_images(self) -> bool:
        """Whether the network is to see pictures before its first step: it has `initialise`."""
        return callable(getattr(self.net, "initialise", None))

    @torch.no_grad()
    def initialise(self, images: Tensor) -> None:
        """Let the network look at training pictures (N, C, H, W), uint8 or in [0, 1]."""
        self.net.initialise(self.normalize(images))  # type: ignore[operator]  # see wants_images

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.net(self.normalize(images))
        return logits
