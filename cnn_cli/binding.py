"""A component's arguments against the signature of its callable, before it is called."""

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from cnn_cli import checking
from cnn_cli.config import Node
from cnn_cli.errors import UserError, closest


def returns(target: Any, kind: type) -> bool:
    """Whether `target` is a subclass of `kind`, or a function annotated to return one."""
    if isinstance(target, type):
        return issubclass(target, kind) and target is not kind
    if not inspect.isfunction(target):
        return False
    promised = checking.hints(target).get("return")
    return isinstance(promised, type) and issubclass(promised, kind)


def require_kind(key: str, target: Any, trust: Sequence[str], right: bool, wanted: str) -> None:
    """Raise UserError unless `right`; a trusted module's function may lack annotations."""
    name = _name(target)
    own = any(f"{name}.".startswith(f"{package}.") for package in trust)
    unannotated = inspect.isfunction(target) and "return" not in target.__annotations__
    if not right and not (own and unannotated):
        raise UserError(f"{key}._target_={name}: is not {wanted}")


def bind(
    key: str,
    target: Any,
    node: Node,
    supplied: Mapping[str, Any],
    kinds: Mapping[str, Any] = MappingProxyType({}),
) -> "partial[Any]":
    """`target` with the arguments of `node` and those `supplied` that it has parameters for.

    `kinds` are annotations that count before the target's own.
    Raises UserError with every argument that is unknown, missing, or of the wrong type or range.
    """
    parameters = inspect.signature(target).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    names = [
        n for n, p in parameters.items() if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    own = [name for name in names if name not in supplied]
    given = {name: value for name, value in node.items() if name != "_target_"}
    ready = {n: v for n, v in supplied.items() if n in names}
    if open_ended and "num_classes" in supplied:  # torchvision and timm pass it on
        ready["num_classes"] = supplied["num_classes"]
    problems = [
        f"{key}.{name}: {_name(target)} takes no such argument{closest(name, own)};"
        f" it takes {', '.join(own) or 'none'}"
        for name in given
        if name in supplied or (name not in names and not open_ended)
    ]
    problems += [
        f"{key}.{name}: missing; {_name(target)} needs it"
        for name in own
        if name not in given and parameters[name].default is inspect.Parameter.empty
    ]
    kinds = {**checking.hints(target), **kinds}
    arguments = {
        name: checking.conform(f"{key}.{name}", value, kinds.get(name, Any), problems)
        for name, value in given.items()
    }
    if problems:
        raise UserError(*problems)
    return partial(target, **(ready | arguments))


def construct(key: str, make: "partial[Any]", kind: type) -> Any:
    """What `make` gives. Raises UserError where its settings are refused or it gives another kind.

    The message of a component about an argument (`padding: too large`) gets the key in front:
    `augmentation.ops.crop.padding: too large`.
    """
    try:
        made = make()
    except (ValueError, TypeError, RuntimeError) as error:
        message = " ".join(str(error).split())
        name = message.partition(":")[0]
        raise UserError(
            f"{key}.{message}" if name in make.keywords else f"{key}: {message}"
        ) from error
    if not isinstance(made, kind):
        raise UserError(f"{key}._target_: gave {type(made).__name__}, not {kind.__name__}")
    return made


def _name(target: Any) -> str:
    return f"{target.__module__}.{target.__qualname__}"
