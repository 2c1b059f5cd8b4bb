"""Parts of a network that are not trained: which they are, and what that means for them.

The head is the network's last layer with weights, which gives the logits, the body all before it.
The stages are the body's children with weights; one that holds over nine tenths of the body's
weights (`features`, `stages`, `encoder`) is no stage: its own children are. A norm counts with the
stage before it; dense layers before the head are stages as well.
"""

from collections.abc import Sequence

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cnn_cli.errors import closest
from cnn_cli.models.classifier import Classifier

Freeze = str | int | Sequence[str] | None
"""`body`, one name, the first n stages, or names of submodules."""
BODY = "body"
WHOLE = 0.9
"""Share of the body's weights from which a child is not a stage but holds the stages."""
NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)


def freeze(model: Classifier, what: Freeze) -> tuple[str, ...]:
    """Take parts of `model.net` out of training; gives the names of the frozen parts.

    Their parameters need no gradient and their batch norms stay in evaluation mode. Raises
    ValueError for a name or number of stages that the network does not have, and where nothing
    would be left to train.
    """
    network = model.net
    parts = _parts(network, what)
    for name, parameter in network.named_parameters():
        if _inside(name, parts):
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ValueError(f"freeze: {_shown(what)} leaves nothing to train")
    model.still = tuple(
        f"net.{name}"
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm) and _inside(name, parts)
    )
    model.train(model.training)
    return tuple(parts)


def head(network: nn.Module) -> str:
    """Name of the layer that gives the logits: the last one with weights of its own."""
    owners = [name.rpartition(".")[0] for name, _ in network.named_parameters()]
    return owners[-1]


def stages(network: nn.Module) -> list[list[str]]:
    """The names of the children of each stage, from the picture to the head."""
    body, last = _body(network), head(network).partition(".")[0]
    dense = [name for name in body if name.partition(".")[0] == last]
    names = [name for name in body if name not in dense] or dense
    dense = [name for name in dense if name not in names]
    total = sum(_size(network, name) for name in names)
    while names:
        largest = max(names, key=lambda name: _size(network, name))
        inner = _children(network, largest)
        if not inner or _size(network, largest) <= WHOLE * total:
            break
        place = names.index(largest)
        names[place : place + 1] = inner
    names += dense
    found: list[list[str]] = []
    for name in names:
        if found and isinstance(network.get_submodule(name), NORMS):
            found[-1].append(name)
        else:
            found.append([name])
    return found


def _parts(network: nn.Module, what: Freeze) -> list[str]:
    """Names of submodules and of parameters that lie in no child."""
    loose = [name for name, _ in network.named_parameters(recurse=False)]
    if what is None or what == 0:
        return []
    if what == BODY:
        return [*loose, *_body(network)]
    if isinstance(what, int):
        return _first(network, what)
    names = [what] if isinstance(what, str) else list(what)
    known = [name for name, module in network.named_modules() if name and _has_weights(module)]
    wrong = [name for name in names if name not in known]
    if wrong:
        near = closest(wrong[0], [BODY, *known])
        there = ", ".join(_children(network, ""))
        raise ValueError(
            f"freeze: the network has no {wrong[0]} to train{near}; it has {there};"
            f" all but the head is {BODY}"
        )
    return names


def _body(network: nn.Module) -> list[str]:
    """Names of the submodules before the head; of the child that holds it, those beside it."""
    last, names = head(network), _children(network, "")
    while names and names[-1] != last:
        names[-1:] = _children(network, names[-1])
    return names[:-1]


def _first(network: nn.Module, count: int) -> list[str]:
    """The first `count` stages, and whatever parameters lie outside of all."""
    found = stages(network)
    if count > len(found):
        listed = ", ".join("+".join(names) for names in found) or "none"
        raise ValueError(f"freeze: {count} stages are too many; before the head there are {listed}")
    kept = [name for names in found[count:] for name in names] + [head(network)]
    frozen = [name for names in found[:count] for name in names]
    rest = [name for name, _ in network.named_parameters() if not _inside(name, [*kept, *frozen])]
    return [*frozen, *rest]


def _children(network: nn.Module, name: str) -> list[str]:
    """Names of the submodules of `name` with weights; of a lone wrapper, those inside it."""
    inner = network.get_submodule(name)
    prefix = f"{name}." if name else ""
    found = [f"{prefix}{child}" for child, part in inner.named_children() if _has_weights(part)]
    return (_children(network, found[0]) or found) if len(found) == 1 else found


def _has_weights(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())


def _size(network: nn.Module, name: str) -> int:
    return sum(parameter.numel() for parameter in network.get_submodule(name).parameters())


def _inside(name: str, parts: Sequence[str]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def _shown(what: Freeze) -> str:
    return str(what) if isinstance(what, str | int) else f"[{', '.join(what or ())}]"
