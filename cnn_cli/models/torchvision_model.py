"""Any of torchvision's classifiers by its name, for any number of classes and channels."""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from cnn_cli.errors import closest
from cnn_cli.limits import Count

RGB = 3
WITHOUT_AUXILIARY = ("googlenet", "inception_v3")
"""Their auxiliary heads give logits of their own in training, for which there is no loss here."""


def torchvision_model(
    in_channels: Count, num_classes: Count, image_size: Count, *, name: str
) -> nn.Module:
    """Input (N, in_channels, image_size, image_size) float, output logits (N, num_classes).

    The network of torchvision.models.`name` with its last layer for `num_classes` and its first
    for `in_channels`; transformers are built for `image_size`. GoogLeNet and Inception come without
    their auxiliary heads. Activations are not in place, so that a hook can keep what it is given.
    Raises ValueError for an unknown name, and where the network is not made for that size.
    """
    from torchvision import models

    known = names()
    if name not in known:
        near = closest(name, known)
        rest = near or f"; it has {', '.join(known)}"
        raise ValueError(f"name: torchvision has no classifier {name}{rest}")
    options: dict[str, Any] = {"num_classes": num_classes}
    if name in WITHOUT_AUXILIARY:
        options |= {"aux_logits": False, "init_weights": True}
    elif name.startswith("vit_"):
        options["image_size"] = image_size
    elif name.startswith("maxvit_"):
        options["input_size"] = (image_size, image_size)
    try:
        with _CountingOnCPU() if name.startswith("regnet_") else nullcontext():
            network: nn.Module = models.get_model(name, weights=None, **options)
    except AssertionError as error:  # torch._assert's, of a size that patches do not divide
        raise ValueError(
            f"name: {name} takes no pictures of {image_size} pixels: {error}"
        ) from error
    if in_channels != RGB:
        _replace_stem(network, in_channels)
    for module in network.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]  # a flag, as in all of torch
    return network


def names() -> list[str]:
    """The names of torchvision's classifiers."""
    from torchvision import models

    found: list[str] = models.list_models(module=models)
    return found


def _replace_stem(network: nn.Module, in_channels: int) -> None:
    """Another first convolution, which is in all of them the only one that sees the picture."""
    stem = next(name for name, module in network.named_modules() if isinstance(module, nn.Conv2d))
    old = network.get_submodule(stem)
    assert isinstance(old, nn.Conv2d)
    made = copy.copy(old)
    made.in_channels = in_channels
    made._parameters = dict(old._parameters)
    made.weight = nn.Parameter(
        old.weight.new_empty(old.out_channels, in_channels, *old.kernel_size)
    )
    made.reset_parameters()
    network.set_submodule(stem, made)


class _CountingOnCPU(TorchFunctionMode):
    """RegNet works out its widths by small tensors, which have no numbers on the meta device."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        placed = {"device": "cpu"} if func in (torch.arange, torch.tensor) else {}
        return func(*args, **(placed | (kwargs or {})))
