"""What a model is made of: output shapes, parameters, arithmetic and receptive fields by layer."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from cnn_cli.models.trace import Trace


@dataclass(frozen=True)
class Row:
    """One layer, or a block of layers where the model has too many to show."""

    name: str
    kind: str
    shape: tuple[int, ...]
    """output without the batch: (C, H, W) or (K,)"""
    parameters: int
    flops: int
    """for one picture, in convolutions and dense layers; a multiply-add counts as 2"""
    receptive_field: int | None
    """side in pixels of what one value sees, on its widest path; None = all, or not known"""


@dataclass(frozen=True)
class Summary:
    """Rows in the order of their calls; `parameters` and `flops` of the whole model."""

    rows: tuple[Row, ...]
    parameters: int
    flops: int
    warnings: tuple[str, ...]


def summarise(model: nn.Module, channels: int, size: int, max_rows: int = 40) -> Summary:
    """Trace `model` with one black picture (1, channels, size, size) on the model's device.

    Shows single layers if they are `max_rows` at most, else blocks, as deep as fits. A layer used
    twice has a row for each use and its parameters in the first. Leaves the model as it was.
    """
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    picture = torch.zeros(1, channels, size, size, device=device)
    trace = Trace()
    with _evaluating(model), torch.no_grad(), _recorded(model, trace) as calls, trace:
        model(picture)
    return Summary(
        rows=tuple(_rows(_shown(calls, max_rows))),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        flops=trace.flops,
        warnings=_warnings(trace.centre_only),
    )


@dataclass(frozen=True)
class _Call:
    """One finished call of a submodule."""

    name: str
    module: nn.Module
    shape: tuple[int, ...]
    flops: int
    receptive_field: int | None

    @property
    def depth(self) -> int:
        return self.name.count(".") + 1

    @property
    def is_leaf(self) -> bool:
        return next(self.module.children(), None) is None


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, every module's own mode again after it."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def _recorded(model: nn.Module, trace: Trace) -> Iterator[list[_Call]]:
    """The calls of all submodules made inside; the hooks are gone after it."""
    calls: list[_Call] = []
    open_calls: list[tuple[str, int]] = []

    def before(name: str, _module: nn.Module, _args: Any) -> None:
        open_calls.append((name, trace.flops))
        trace.layer = name

    def after(module: nn.Module, _args: Any, out: Any) -> None:
        name, flops = open_calls.pop()
        if isinstance(out, Tensor):
            spent, field = trace.flops - flops, trace.field(out)
            calls.append(_Call(name, module, tuple(out.shape[1:]), spent, field.side))

    with ExitStack() as stack:
        for name, module in model.named_modules():
            if module is not model and not isinstance(module, nn.Identity):
                stack.enter_context(module.register_forward_pre_hook(partial(before, name)))
                stack.enter_context(module.register_forward_hook(after))
        yield calls


def _shown(calls: list[_Call], max_rows: int) -> list[_Call]:
    """The calls at the deepest level of nesting that gives `max_rows` at most, level 1 at least."""
    deepest = max((call.depth for call in calls), default=1)
    for level in range(deepest, 0, -1):
        cut = [
            call for call in calls if call.depth == level or (call.is_leaf and call.depth < level)
        ]
        if len(cut) <= max_rows:
            break
    return cut


def _rows(calls: list[_Call]) -> Iterator[Row]:
    seen: set[int] = set()
    for call in calls:
        new = {id(p): p.numel() for p in call.module.parameters() if id(p) not in seen}
        seen |= new.keys()
        yield Row(
            name=call.name,
            kind=type(call.module).__name__,
            shape=call.shape,
            parameters=sum(new.values()),
            flops=call.flops,
            receptive_field=call.receptive_field,
        )


def _warnings(centre_only: list[str]) -> tuple[str, ...]:
    if not centre_only:
        return ()
    first, count = centre_only[0], len(centre_only)
    which = first if count == 1 else f"{first} and {count - 1} more convolutions after it"
    verb = "works" if count == 1 else "work"
    problem = f"{which} {verb} on maps of 1x1, where only the centre of a kernel counts"
    return (f"{problem}; use fewer stages, smaller strides or larger pictures",)
