"""Which callables a config may name, and where: everything else is refused before any import.

A config can come from a stranger (a checkpoint, an experiment file), and an import runs the module.
So the module part of a `_target_` must lie in a package allowed for its group, the last part must
be one public name, and what it leads to must have been defined in such a package and be of the
kind. `trust=[mymodule]` on the command line adds a package for that command only.
"""

import importlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cnn_cli.errors import UserError, closest

ALLOWED: Mapping[str, tuple[str, ...]] = {
    "dataset": ("cnn_cli.data",),
    "model": ("cnn_cli.models", "torchvision.models", "timm"),
    "augmentation": ("cnn_cli.augmentation",),
    "optimizer": ("cnn_cli.optim", "torch.optim"),
    "schedule": ("cnn_cli.optim",),
    "figure": ("cnn_cli.visualize",),
}
"""Group -> packages that hold its components."""

_PLACES = {
    "dataset": r"dataset",
    "model": r"model",
    "augmentation": r"augmentation\.ops\.[^.]+",
    "optimizer": r"optimizer",
    "schedule": r"schedule",
    "figure": r"figure\.[^.]+",
}
"""Group -> the nodes that are components; a `_target_` in any other place is refused."""

_DOTTED = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+", re.ASCII)
_MODULE = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*", re.ASCII)


def check_targets(config: Mapping[str, Any], trust: Sequence[str]) -> list[str]:
    """A problem for each `_target_` in the plain `config` that may not be called from there."""
    problems = []
    for place, target in find_targets(config):
        group = next((g for g, node in _PLACES.items() if re.fullmatch(node, place)), None)
        if group is None:
            problems.append(f"{place or 'config'}._target_: nothing is called from here")
        else:
            problems.extend(check_target(f"{place}._target_", target, group, trust))
    return problems


def find_targets(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """(path of the node, value) of every `_target_` in nested mappings and sequences."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield place, node["_target_"]
        for key, value in node.items():
            yield from find_targets(value, f"{place}.{key}" if place else str(key))
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            yield from find_targets(value, f"{place}[{index}]")


def check_target(key: str, target: Any, group: str, trust: Sequence[str]) -> list[str]:
    """What is wrong with the name `target` for `group`; nothing is imported."""
    if not isinstance(target, str) or not _DOTTED.fullmatch(target):
        return [f"{key}={target}: must be package.module.Name, public names only"]
    packages = (*ALLOWED[group], *trust)
    if not _inside(target.rpartition(".")[0], packages):
        module = target.partition(".")[0]
        allowed = f"not in a package allowed for {group} ({', '.join(packages)})"
        foreign = module == "torch" or module in sys.stdlib_module_names
        whole = ",".join((*trust, module))
        hint = "" if foreign else f"; if it is yours and you trust it, add trust=[{whole}]"
        return [f"{key}={target}: {allowed}{hint}"]
    return []


def check_trust(trust: Sequence[str]) -> list[str]:
    """A problem for each entry of `trust` that is not the name of a module."""
    return [
        f"trust=[{entry}]: must be the name of a module, such as mymodels or mylab.models"
        for entry in trust
        if not _MODULE.fullmatch(str(entry))
    ]


def locate(key: str, target: Any, group: str, trust: Sequence[str]) -> Any:
    """Import what `target` names. Raises UserError unless it is allowed, and there."""
    problems = check_target(key, target, group, trust)
    if problems:
        raise UserError(*problems)
    packages = (*ALLOWED[group], *trust)
    module_name, _, name = target.rpartition(".")
    if trust and "" not in sys.path:
        sys.path.append("")  # the current folder, last: it can add modules but hide none
    module = _import(key, module_name, trust)
    found = getattr(module, name, None)
    if found is None or not _inside(_origin(found), packages):
        public = [n for n, v in vars(module).items() if _is_offered(n, v, packages)]
        raise UserError(
            f"{key}={target}: {module_name} has no component {name}{closest(name, public)};"
            f" it has {', '.join(sorted(public)) or 'none'}"
        )
    return found


def _import(key: str, module_name: str, trust: Sequence[str]) -> Any:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            own = _inside(module_name, trust)
            file = f"{error.name.replace('.', '/')}.py"
            hint = f" or go to the folder that holds {file}" if own else ""
            raise UserError(
                f"{key}: there is no module {error.name}; is it installed?{hint}"
            ) from error
        raise UserError(
            f"{key}: {module_name} needs {error.name}, which is not installed"
        ) from error
    except Exception as error:
        raise UserError(f"{key}: importing {module_name} failed: {error!r}") from error


def _inside(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _origin(found: Any) -> str:
    return str(getattr(found, "__module__", ""))


def _is_offered(name: str, value: Any, packages: Sequence[str]) -> bool:
    return not name.startswith("_") and callable(value) and _inside(_origin(value), packages)
