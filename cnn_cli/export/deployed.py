"""The network as other programs get it: from the bytes of pictures to classes, and its stages."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cnn_cli.models.classifier import Classifier


class Scaling(nn.Module):
    """uint8 in 0..255 to float in [0, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) uint8 to the same shape in float32."""
        return images.to(torch.float32) / 255


class Temperature(nn.Module):
    """Logits divided by a number above 0 (Guo et al. 2017, "On Calibration of Modern NNs")."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, logits: Tensor) -> Tensor:
        """(N, K) to (N, K)."""
        return logits / self.value


class Deployed(nn.Module):
    """A copy of `model` with what stands around it: (N, C, S, S) uint8 to logits, probabilities.

    Both are (N, K) float32; the logits are divided by the temperature.
    """

    def __init__(self, model: Classifier, temperature: float) -> None:
        super().__init__()
        model = copy.deepcopy(model).to(memory_format=torch.contiguous_format).eval()
        self.scaling = Scaling()
        self.normalisation = model.normalize
        self.net = model.net
        self.temperature = nn.Identity() if temperature == 1 else Temperature(temperature)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.temperature(self.net(self.normalisation(self.scaling(images))))
        return logits, logits.softmax(dim=1)


class Staged(nn.Module):
    """The same, and behind its two results the output of every stage in `names`."""

    def __init__(self, deployed: Deployed, names: tuple[str, ...]) -> None:
        super().__init__()
        self.deployed = deployed
        self.names = names

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        with captured(self.deployed) as found:
            logits, probabilities = self.deployed(images)
        return (logits, probabilities, *(found[name] for name in self.names))


def stages(deployed: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The parts that differences are told by: scaling, normalisation, blocks, head.

    A block is a child of the network; of one that only holds others in a row, each of these.
    """
    for name, part in deployed.named_children():
        if name == "net" and any(True for _ in part.children()):
            yield from _blocks(name, part)
        else:
            yield name, part


def _blocks(prefix: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, part in module.named_children():
        if isinstance(part, nn.Sequential | nn.ModuleList) and len(part):
            yield from _blocks(f"{prefix}.{name}", part)
        else:
            yield f"{prefix}.{name}", part


@contextmanager
def captured(
    deployed: nn.Module, parts: Mapping[str, nn.Module] | None = None
) -> Iterator[dict[str, Tensor]]:
    """Stage -> what it gives in the forward pass inside this context, in the order of execution.

    The stages are `parts` of `deployed`, by default those that `stages` finds.

    A stage that hands on what it was given is left out, of one that is used twice the first use
    counts.
    """
    found: dict[str, Tensor] = {}
    parts = dict(stages(deployed)) if parts is None else parts
    handles = [_hook(name, part, found) for name, part in parts.items()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _hook(name: str, part: nn.Module, found: dict[str, Tensor]) -> RemovableHandle:
    def keep(module: nn.Module, given: tuple[object, ...], out: object) -> None:  # noqa: ARG001
        passed_on = any(out is one for one in (*given, *found.values()))
        if isinstance(out, Tensor) and not passed_on and name not in found:
            found[name] = out

    return part.register_forward_hook(keep)


@torch.no_grad()
def trace(deployed: Deployed, images: Tensor) -> dict[str, Tensor]:
    """Stage -> its output for `images` (N, C, S, S) uint8; the last one's are the logits."""
    with captured(deployed) as found:
        deployed(images)
    return {name: out.clone() for name, out in found.items()}


def example(channels: int, size: int) -> Tensor:
    """Two pictures to trace a network with: (2, C, S, S) uint8."""
    values = torch.arange(2 * channels * size * size) % 256
    return values.to(torch.uint8).reshape(2, channels, size, size)
