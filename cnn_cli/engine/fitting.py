"""Whether a checkpoint fits what it is to be put into: it may come from anywhere, or another model.

Looked at before anything is restored, so that a wrong one leaves no trace.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from cnn_cli.engine.checkpoint import Checkpoint
from cnn_cli.optim.schedules import Watch


def misfits(
    saved: Checkpoint, model: nn.Module, ema: nn.Module | None, optimizer: Optimizer, rows: Tensor
) -> list[str]:
    """The parts of a checkpoint that do not fit; empty where all do.

    Names and shapes have to be the same, no tensor may claim more numbers than it holds, and every
    number has to be finite.
    """
    wrong = unlike("model", model.state_dict(), saved.model)
    if ema is not None:
        wrong += unlike("ema", ema.state_dict(), saved.ema or {})
    wrong += unlike("rows", {"": rows}, {"": saved.rows}, finite=False)
    own, found = vars(Watch()), saved.watch or vars(Watch())
    if own.keys() != found.keys() or not all(x is None or is_finite(x) for x in found.values()):
        wrong.append("watch")
    return wrong + unlike_optimizer(optimizer, saved.optimizer)


def unlike(
    part: str, own: Mapping[str, Any], saved: Mapping[str, Any], *, finite: bool = True
) -> list[str]:
    """The first tensor of `saved` that is not as its namesake in `own`, in a list."""
    for name in (*own, *saved):
        ours, theirs = own.get(name), saved.get(name)
        told = [f"{part}.{name}".rstrip(".")]
        if not isinstance(ours, Tensor) or not isinstance(theirs, Tensor):
            return told
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype) or not _holds_all(theirs):
            return told
        if finite and not bool(theirs.isfinite().all()):
            return told
    return []


def unlike_optimizer(optimizer: Optimizer, saved: Mapping[str, Any]) -> list[str]:
    """The parts of a saved optimizer that do not fit one that has not made a step."""
    groups, states = saved.get("param_groups"), saved.get("state")
    fresh = optimizer.state_dict()["param_groups"]
    if not isinstance(groups, list) or not isinstance(states, dict):
        return ["optimizer"]
    if len(groups) != len(fresh) or not all(map(_is_alike, groups, fresh)):
        return ["optimizer.param_groups"]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    wrong = []
    for key, kept in states.items():
        known = isinstance(key, int) and 0 <= key < len(parameters) and isinstance(kept, dict)
        if not known or not all(_fits(value, parameters[key]) for value in kept.values()):
            wrong.append(f"optimizer.state.{key}")
    return wrong


def _is_alike(group: object, own: Mapping[str, Any]) -> bool:
    """Whether a parameter group has the same parameters, and settings of the same kinds.

    One that a newer torch knows may be missing: it keeps its default.
    """
    if not isinstance(group, dict) or not {"params", "lr"} <= group.keys() <= own.keys():
        return False
    rest = (key for key in group if key != "params")
    same = isinstance(group["params"], list) and group["params"] == own["params"]
    return same and all(_is_kind(group[key], own[key]) for key in rest)


def _is_kind(value: object, own: object) -> bool:
    if isinstance(value, bool | None) and isinstance(own, bool | None):
        return True
    if isinstance(own, tuple | list):  # betas
        if not isinstance(value, tuple | list) or len(value) != len(own):
            return False
        return all(map(_is_kind, value, own))
    if isinstance(own, str):
        return isinstance(value, str)
    return is_finite(value) and is_finite(own)


def _fits(value: object, parameter: Tensor) -> bool:
    """Whether it can be part of an optimizer's state of that parameter: as it, or its marginals."""
    if not isinstance(value, Tensor):
        return is_finite(value)
    sizes = zip(value.shape, parameter.shape, strict=False)
    same = value.dim() == parameter.dim() and all(a in (1, b) for a, b in sizes)
    known = same or value.dim() == 0
    return known and _holds_all(value) and bool(value.isfinite().all())


def is_finite(value: object) -> bool:
    """Whether it is a number like any other."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) < 2**63 and math.isfinite(value)


def _holds_all(tensor: Tensor) -> bool:
    """Not one number shown many times."""
    if tensor.layout != torch.strided:
        return False
    return tensor.untyped_storage().nbytes() >= tensor.numel() * tensor.element_size()
