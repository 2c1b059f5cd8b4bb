"""Values against type annotations: every wrong one is named with what is allowed.

The annotations are those of the config's dataclasses and of the components' arguments: int, float,
bool, str, None, Literal, unions, sequences, mappings, dataclasses and `Annotated[..., Range]`. What
an annotation does not say (Any, Tensor, a type variable) is not checked.
"""

import collections.abc
import contextlib
import dataclasses
import inspect
import math
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from cnn_cli.errors import closest
from cnn_cli.limits import Form, Range

_NAMES = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    Path: "a path",
    type(None): "null",
}
FEWEST_PER_CENT = 2
"""From here on, a number that must be a share is taken to be meant in per cent."""
_SEQUENCES = (list, tuple, collections.abc.Sequence, collections.abc.Iterable)
_MAPPINGS = (dict, collections.abc.Mapping)


def conform(key: str, value: Any, kind: Any, problems: list[str]) -> Any:
    """`value` as the annotation `kind` wants it (5 -> 5.0, list -> tuple, mapping -> dataclass).

    What is wrong is added to `problems`, one line each, and the value comes back as it was.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _limited(key, value, kind, problems)
    if origin in (Union, types.UnionType):
        return _union(key, value, kind, problems)
    if origin is Literal:
        if not any(value == choice and type(value) is type(choice) for choice in arguments):
            problems.append(
                f"{key}={show(value)}: must be {describe(kind)}" + _near(value, arguments)
            )
        return value
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(key, value, kind, problems)
    if (origin or kind) in _SEQUENCES:
        return _sequence(key, value, kind, problems)
    if (origin or kind) in _MAPPINGS:
        return _mapping(key, value, kind, problems)
    if kind in _NAMES:
        return _plain(key, value, kind, problems)
    return value


def describe(kind: Any) -> str:
    """What `kind` allows, for a person: `a whole number, at least 1, or null`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        limits = [str(limit) for limit in arguments[1:] if isinstance(limit, Range | Form)]
        if any(isinstance(limit, Form) for limit in arguments[1:]):
            return " and ".join(limits)
        return ", ".join([describe(arguments[0]), *limits])
    if origin in (Union, types.UnionType):
        return " or ".join(describe(member) for member in _members(kind))
    if origin is Literal:
        return " | ".join(show(choice) for choice in arguments)
    if (origin or kind) in _SEQUENCES:
        each = f" (each {describe(arguments[0])})" if arguments else ""
        return f"a list{each}, written [a, b]"
    if (origin or kind) in _MAPPINGS or dataclasses.is_dataclass(kind):
        return "keys with values"
    return _NAMES.get(kind, getattr(kind, "__name__", str(kind)))


def show(value: Any) -> str:
    """`value` as one would type it: null, true, [1, 2], text without quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(show, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {show(item)}" for key, item in value.items()) + "}"
    return str(value) or "''"


def hints(target: Any) -> dict[str, Any]:
    """The annotations of a function or class with their limits, less those that cannot be read.

    Some can not: names that only a type checker imports.
    """
    function = getattr(target, "__init__") if isinstance(target, type) else target  # noqa: B009
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    found: dict[str, Any] = {}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        holder = types.SimpleNamespace(__annotations__={name: annotation})
        with contextlib.suppress(NameError, TypeError, AttributeError, SyntaxError):
            found |= typing.get_type_hints(holder, scope, include_extras=True)
    return found


def _near(value: Any, choices: Sequence[Any]) -> str:
    return (
        closest(value, [c for c in choices if isinstance(c, str)]) if isinstance(value, str) else ""
    )


def _plain(key: str, value: Any, kind: type, problems: list[str]) -> Any:
    if kind is float and type(value) in (int, float):
        if not math.isfinite(value):
            problems.append(f"{key}={show(value)}: must be a finite number")
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if type(value) is not kind and not (kind is Path and isinstance(value, Path)):
        problems.append(f"{key}={show(value)}: must be {_NAMES[kind]}")
    return value


def _limited(key: str, value: Any, kind: Any, problems: list[str]) -> Any:
    base, *limits = typing.get_args(kind)
    found: list[str] = []
    result = conform(key, value, base, found)
    if found:
        plain, whole = (f"{key}={show(value)}: must be {describe(k)}" for k in (base, kind))
        problems.extend(whole + _as_share(value) if line == plain else line for line in found)
        return result
    problems.extend(
        f"{key}={show(value)}: must be {limit}{_as_per_cent(result, limit)}"
        for limit in limits
        if isinstance(limit, Range | Form) and result not in limit
    )
    return result


def _as_per_cent(value: Any, limit: Range | Form) -> str:
    """What a number would be as a share, where it looks like per cent."""
    is_share = isinstance(limit, Range) and (limit.low, limit.high) == (0, 1)
    likely = is_share and type(value) is float and FEWEST_PER_CENT <= value <= 100
    return f"; {value:g} % is {value / 100:g}" if likely else ""


def _union(key: str, value: Any, kind: Any, problems: list[str]) -> Any:
    members = _members(kind)
    exact = [member for member in members if _is_of(value, member)]
    found: list[str] = []
    for member in exact or members:
        trial: list[str] = []
        result = conform(key, value, member, trial)
        if not trial:
            return result
        found = found or trial
    others = [member for member in members if member is not type(None)]
    if exact or (len(others) == 1 and isinstance(value, Mapping | list | tuple)):
        problems.extend(found)
    else:
        problems.append(f"{key}={show(value)}: must be {describe(kind)}{_as_share(value)}")
    return value


def _as_share(value: Any) -> str:
    """What a percentage is as the number that is wanted."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
    return f"; {value} is {float(found[1]) / 100:g}" if found else ""


def _is_of(value: Any, kind: Any) -> bool:
    """Whether `value` is meant as that member of a union, right or wrong in its parts."""
    base = _base(kind)
    if isinstance(value, Mapping):
        return (typing.get_origin(base) or base) in _MAPPINGS or dataclasses.is_dataclass(base)
    return base is type(value)


def _members(union: Any) -> list[Any]:
    """Its members that YAML can give: a Tensor beside float is none."""
    members = list(typing.get_args(union))
    known = [m for m in members if not isinstance(m, type) or m in _NAMES or _structured(m)]
    return known or members


def _structured(kind: type) -> bool:
    return kind in _SEQUENCES or kind in _MAPPINGS or dataclasses.is_dataclass(kind)


def _base(kind: Any) -> Any:
    while typing.get_origin(kind) is Annotated:
        kind = typing.get_args(kind)[0]
    return kind


def _sequence(key: str, value: Any, kind: Any, problems: list[str]) -> Any:
    if not isinstance(value, list | tuple):
        problems.append(f"{key}={show(value)}: must be {describe(kind)}")
        return value
    members = typing.get_args(kind)
    if typing.get_origin(kind) is tuple and members and members[-1] is not Ellipsis:
        if len(members) != len(value):
            problems.append(f"{key}={show(value)}: must have {len(members)} items")
            return value
    else:
        members = (members[0] if members else Any,) * len(value)
    items = [
        conform(f"{key}[{i}]", item, member, problems)
        for i, (item, member) in enumerate(zip(value, members, strict=True))
    ]
    return items if (typing.get_origin(kind) or kind) is list else tuple(items)


def _mapping(key: str, value: Any, kind: Any, problems: list[str]) -> Any:
    if not isinstance(value, Mapping):
        problems.append(f"{key}={show(value)}: must be {describe(kind)}")
        return value
    arguments = typing.get_args(kind)
    names, member = arguments or (Any, Any)
    for name in value:
        conform(f"{key} (the key {show(name)})", name, names, problems)
    return {n: conform(f"{key}.{n}", item, member, problems) for n, item in value.items()}


def _dataclass(key: str, value: Any, kind: type, problems: list[str]) -> Any:
    prefix = f"{key}." if key else ""
    if not isinstance(value, Mapping):
        problems.append(f"{key}={show(value)}: must be {describe(kind)}")
        return value
    annotations = typing.get_type_hints(kind, include_extras=True)
    names = [field.name for field in dataclasses.fields(kind)]
    before = len(problems)
    for name in value:
        if name not in names:
            near = closest(str(name), names)
            problems.append(f"{prefix}{name}: no such key{near}; there are {', '.join(names)}")
    problems.extend(f"{prefix}{name}: missing" for name in names if name not in value)
    fields = {
        name: conform(prefix + name, value[name], annotations[name], problems)
        for name in names
        if name in value
    }
    return value if len(problems) > before else kind(**fields)
