"""Looking inside a model while it runs; nothing stays behind, whatever happens."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from cnn_cli.errors import UserError, closest

See = Callable[[str, nn.Module, Tensor], Tensor | None]
Seen = list[tuple[str, nn.Module, Tensor]]
"""(name, layer, output) in the order of the forward pass."""

LISTED = 12
"""Layers that an error names at most."""

UNFINISHED = (
    nn.Conv2d,
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.dropout._DropoutNd,
    nn.Identity,
)
"""Layers that end no stage: what they give is not yet, or no longer, what it has found."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block; afterwards every layer is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def watching(model: nn.Module, see: See) -> Iterator[None]:
    """Call `see(name, layer, output)` whenever a layer gives a 4-D tensor larger than 1x1.

    A tensor returned by `see` takes the place of the layer's output.
    """
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if name:
                hooks.enter_context(module.register_forward_hook(_hook(shown(name), see)))
        yield


def shown(name: str) -> str:
    """A layer's name as the summary of training has it: without the classifier's `net.`."""
    return name.removeprefix("net.")


def _hook(name: str, see: See) -> Callable[[nn.Module, object, object], Tensor | None]:
    def hook(module: nn.Module, _inputs: object, output: object) -> Tensor | None:
        if isinstance(output, Tensor) and output.ndim == 4 and max(output.shape[2:]) > 1:
            return see(name, module, output)
        return None

    return hook


def layer_maps(model: nn.Module, images: Tensor) -> Seen:
    """(name, layer, output) of every layer that gives maps (N, C, H, W) larger than 1x1, in order.

    The outputs are copies: an in-place layer may overwrite what another one gave.
    """
    seen: Seen = []

    def keep(name: str, module: nn.Module, output: Tensor) -> None:
        seen.append((name, module, output.detach().clone()))

    with evaluating(model), watching(model, keep):
        model(images)
    return seen


def finished(seen: Seen) -> Seen:
    """The layers that end in an activation or a block: where a stage has found what it looks for.

    All that give maps of their own, where no layer does. The normalised picture is none of them.
    """
    own = [entry for place, entry in enumerate(seen) if not _repeated(seen, place)]
    first_convolution = next((i for i, (_, m, _) in enumerate(own) if isinstance(m, nn.Conv2d)), 0)
    ends = [entry for entry in own[first_convolution:] if not isinstance(entry[1], UNFINISHED)]
    return ends or own


def _repeated(seen: Seen, place: int) -> bool:
    """Whether the layer before gave the same maps: a block after its last layer, an identity."""
    before, this = seen[place - 1][2], seen[place][2]
    return place > 0 and before.shape == this.shape and torch.equal(before, this)


def chosen_layer(name: str, names: list[str], key: str) -> str:
    """`name` if it is among `names`; otherwise a UserError for the config key `key`."""
    if shown(name) in names:
        return shown(name)
    some = ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")
    raise UserError(
        f"{key}: no layer {name!r} gives maps larger than 1x1{closest(shown(name), names)}; "
        f"these do: {some or 'none'}"
    )
