"""Weights of one network as the first weights of another: what fits by name and shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

import torch
from torch import Tensor, nn

SHOWN = 3
"""Names listed of each kind in a report."""
COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class Match:
    """Names of tensors: what became of those of the network and of those in the file."""

    loaded: tuple[str, ...]
    stem: tuple[str, ...]
    """loaded after their input channels were summed or shared out"""
    other: tuple[str, ...]
    """of another shape in the file: left as they were"""
    left: tuple[str, ...]
    """not taken on purpose: the head of other classes"""
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    share: float
    """of the network's parameters that were loaded, in [0, 1]"""

    def __str__(self) -> str:
        total = sum(map(len, (self.loaded, self.other, self.left, self.missing)))
        percent = floor(100 * self.share + 1e-9)  # 100 only where nothing is missing
        whole = f"{len(self.loaded)} of {total} tensors loaded ({percent}% of the parameters)"
        kinds = {
            "for other channels": self.stem,
            "left as drawn, of another shape": self.other,
            "left as drawn, of other classes": self.left,
            "left as drawn, not in the file": self.missing,
            "not used": self.unused,
        }
        return "; ".join(
            [whole, *(f"{what}: {few(names)}" for what, names in kinds.items() if names)]
        )


@torch.no_grad()
def load(network: nn.Module, tensors: Mapping[str, Tensor], leave: str | None = None) -> Match:
    """Copy into `network` those `tensors` that fit one of its own by name and shape.

    A prefix that all names share and the network does not know (`module.`, `net.`) is taken off.
    Kernels for another number of input channels fit where one of the two numbers is 1: of many
    channels the sum (of grey shown as RGB the same is seen), of one an even share to each. `leave`
    is the name of a child that keeps its own weights. Works on the meta device as well.
    """
    own = network.state_dict()
    tensors = _renamed(tensors, own)
    found: dict[str, list[str]] = {
        key: [] for key in ("loaded", "stem", "other", "left", "missing")
    }
    for name, target in own.items():
        fitted = _fit(tensors[name], target) if name in tensors else None
        if name not in tensors:
            found["missing"].append(name)
        elif fitted is None:
            found["other"].append(name)
        elif leave is not None and name.startswith(f"{leave}."):
            found["left"].append(name)
        else:
            target.copy_(fitted)
            found["loaded"].append(name)
            if fitted.shape != tensors[name].shape:
                found["stem"].append(name)
    sizes = {name: parameter.numel() for name, parameter in network.named_parameters()}
    share = sum(sizes.get(name, 0) for name in found["loaded"]) / max(1, sum(sizes.values()))
    found["unused"] = [name for name in tensors if name not in own]
    kept = {key: tuple(n for n in names if not n.endswith(COUNTER)) for key, names in found.items()}
    return Match(**kept, share=share)


def _renamed(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    roots = {name.partition(".")[0] for name in own}
    found = dict(tensors)
    while len(first := {name.partition(".")[0] for name in found}) == 1 and not first & roots:
        shorter = {name.partition(".")[2]: tensor for name, tensor in found.items()}
        if "" in shorter:
            break
        found = shorter
    return found


def _fit(source: Tensor, target: Tensor) -> Tensor | None:
    """`source` in the shape of `target`; None where it has another."""
    if source.shape == target.shape:
        return source
    if source.ndim != 4 or target.ndim != 4 or 1 not in (source.shape[1], target.shape[1]):
        return None
    if source.shape[:1] + source.shape[2:] != target.shape[:1] + target.shape[2:]:
        return None
    if target.shape[1] == 1:
        return source.sum(dim=1, keepdim=True)
    return source.expand(target.shape) / target.shape[1]


def few(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
