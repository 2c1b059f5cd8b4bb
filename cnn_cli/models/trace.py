"""Follows what one value sees, and the arithmetic spent, through any model's forward pass."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class Field:
    """One value of a map sees `side` pixels, its neighbour starts `jump` pixels further on.

    `side` is None where a value sees the whole picture, or what it sees is not known.
    """

    side: int | None
    jump: int


PIXEL = Field(1, 1)
WHOLE_MAP = {
    "mean",
    "interpolate",
    "conv_transpose2d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
}
"""Functions after which places of the output are no longer windows of the input."""


class Trace(TorchFunctionMode):
    """While entered, keeps the field of every tensor that torch functions make, and counts FLOPs.

    Counted are convolutions and dense layers, a multiply-add as 2. `centre_only` has the value of
    `layer` for each convolution wider than 1x1 that was given a 1x1 map.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0
        self.layer = ""
        self.centre_only: list[str] = []
        # The tensor is kept beside its field: a freed one's id would be given to another.
        self._fields: dict[int, tuple[Tensor, Field]] = {}

    def field(self, tensor: Tensor) -> Field:
        """What a value of `tensor` sees; one pixel where no traced function has made it."""
        return self._fields[id(tensor)][1] if id(tensor) in self._fields else PIXEL

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        call = _Call(getattr(func, "__name__", ""), args, kwargs or {})
        field = _widest([self.field(tensor) for tensor in _tensors(args)])
        out = func(*args, **call.kwargs)
        if not isinstance(out, Tensor):
            return out
        if call.name in ("conv2d", "linear"):
            self._count(call, out)
        self._fields[id(out)] = (out, _grown(field, call, out))
        return out

    def _count(self, call: "_Call", out: Tensor) -> None:
        weight = call.argument(1, "weight", None)
        self.flops += 2 * out.numel() * prod(weight.shape[1:])
        if call.name == "conv2d" and prod(weight.shape[2:]) > 1:
            images = call.argument(0, "input", None)
            if prod(images.shape[2:]) == 1:
                self.centre_only.append(self.layer)


@dataclass(frozen=True)
class _Call:
    """One call of a torch function."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def argument(self, place: int, name: str, default: Any) -> Any:
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)

    def largest(self, place: int, name: str, default: int) -> int:
        """A kernel's side, stride or dilation: the larger of the two directions."""
        value = self.argument(place, name, default)
        if isinstance(value, int):
            return value
        return max(value, default=default) if value is not None else default


def _tensors(args: Any) -> Iterator[Tensor]:
    """The tensors among arguments, those in lists (concatenation) included."""
    for arg in args:
        if isinstance(arg, Tensor):
            yield arg
        elif isinstance(arg, list | tuple):
            yield from _tensors(arg)


def _widest(fields: list[Field]) -> Field:
    """The field where paths meet: the widest, and not known where one is not."""
    sides = [field.side for field in fields]
    known = [side for side in sides if side is not None]
    jump = max((field.jump for field in fields), default=1)
    return Field(max(known, default=1) if len(known) == len(sides) else None, jump)


def _grown(field: Field, call: _Call, out: Tensor) -> Field:
    """The field after one function (Araujo et al. 2019, "Computing Receptive Fields")."""
    before = call.argument(0, "input", None)
    if not isinstance(before, Tensor) or before.ndim != 4:
        return field
    if out.ndim != 4 or call.name in WHOLE_MAP:
        return Field(None, field.jump)
    kernel, stride, dilation = 1, 1, 1
    if call.name == "conv2d":
        kernel = max(call.argument(1, "weight", None).shape[2:])
        stride, dilation = call.largest(3, "stride", 1), call.largest(5, "dilation", 1)
    elif call.name in ("max_pool2d", "avg_pool2d"):
        kernel = call.largest(1, "kernel_size", 1)
        stride = call.largest(2, "stride", kernel)
        dilation = call.largest(4, "dilation", 1) if call.name == "max_pool2d" else 1
    elif call.name == "__getitem__":
        stride = round(before.shape[-1] / out.shape[-1])
    side = None if field.side is None else field.side + (kernel - 1) * dilation * field.jump
    return Field(side, field.jump * stride)
