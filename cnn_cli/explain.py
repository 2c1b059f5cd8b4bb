"""Hydra's errors in our words: what was wrong with an override, what is allowed or comes close."""

import re
from collections.abc import Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from cnn_cli.errors import closest
from cnn_cli.resolving import leaves

FAILURES = (
    HydraException,
    OmegaConfBaseException,
    YAMLError,
    OSError,
    # Hydra lets these through for some overrides and files that make no sense
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What composing raises for a wrong request."""


def not_understood(override: str) -> str:
    """An override outside Hydra's grammar."""
    key, _, value = override.partition("=")
    if not key or not value:
        return f"{override}: settings are written key=value"
    if value[0] in "[{$":
        return f"{override}: not understood; text with signs of its own has to stand in quotes"
    quoted = value.replace("'", "\\'")
    return (
        f"{override}: the value has signs with a meaning of their own; write \"{key}='{quoted}'\""
    )


def single_options(
    parsed: Sequence[Override], primary: DictConfig, loader: ConfigLoaderImpl, problems: list[str]
) -> list[Override]:
    """`parsed` without lists of options for a group that takes one, which Hydra would mix."""
    entries = [entry for entry in primary.defaults if isinstance(entry, DictConfig)]
    one = {group for entry in entries for group, option in entry.items() if isinstance(option, str)}
    kept: list[Override] = []
    for override in parsed:
        group, value = override.key_or_group, override.value()
        options = loader.get_group_options(group) if group in one else []
        if isinstance(value, list) and options and {*map(str, value)} <= {*options}:
            there = ", ".join(options)
            problems.append(f"{override.input_line}: {group} takes one option; there are {there}")
        else:
            kept.append(override)
    return kept


def explain(override: Override, error: Exception, cfg: DictConfig, loader: ConfigLoaderImpl) -> str:
    """Why `override` does not compose on top of `cfg`, which does without it."""
    line, key = str(override.input_line), override.key_or_group
    if override.is_sweep_override() and "multirun" in str(error):
        return (
            f"{line}: several values; add -m to run one after the other,"
            f" or write a list as {key}=[...]"
        )
    groups = [group for group in loader.list_groups("") if group != "hydra"]
    if key in groups or "/" in key:
        return _explain_choice(override, error, cfg, loader)
    if override.is_add() and OmegaConf.select(cfg, key, throw_on_missing=False) is not None:
        return f"{line}: {key} is there already; leave out the +"
    return _explain_key(key, cfg, own_groups(cfg), loader) or f"{line}: {reason(error)}"


def own_groups(cfg: DictConfig) -> list[str]:
    """The groups that the command of `cfg` takes an option of."""
    return sorted(name for name in cfg.hydra.runtime.choices if "/" not in name)


def _explain_choice(
    override: Override, error: Exception, cfg: DictConfig, loader: ConfigLoaderImpl
) -> str:
    group, value = override.key_or_group, override.value()
    options = loader.get_group_options(group)
    value = "null" if value is None else value
    for choice in value if isinstance(value, list) else [value]:
        if str(choice) not in options:
            there = f"; there are {', '.join(options)}" if options else ""
            return f"{group}={choice}: no such {group}{closest(str(choice), options)}{there}"
    choices = cfg.hydra.runtime.choices
    if group not in choices:
        known = ", ".join(own_groups(cfg))
        return f"{override.input_line}: this command takes no {group}; it takes {known}"
    return f"{override.input_line}: {reason(error)}"


def _explain_key(key: str, cfg: DictConfig, groups: Sequence[str], loader: ConfigLoaderImpl) -> str:
    """The first part of `key` that is not there, with what is; empty where all of it is."""
    parts = key.split(".")
    node: Any = cfg
    for depth, part in enumerate(parts):
        if not isinstance(node, DictConfig):
            return f"{key}: {'.'.join(parts[:depth])} is a value and has no keys"
        if part in node:
            node = node[part] if not OmegaConf.is_missing(node, part) else None
            continue
        if parts[:depth] == ["figure"] and part in loader.get_group_options("figure"):
            return f"{key}: the figure {part} is not chosen; add figure={part}"
        names = [str(name) for name in node if name not in ("hydra", "_target_")]
        known = sorted({*names, *groups} if depth == 0 else names)
        near = _elsewhere(part, known, cfg, loader) if len(parts) == 1 else closest(part, known)
        there = f"there {'are' if len(known) != 1 else 'is'} {', '.join(known)}"
        return f"{key}: {_owner(parts[:depth], cfg)}{near}; {there}"
    return ""


def _elsewhere(name: str, known: Sequence[str], cfg: DictConfig, loader: ConfigLoaderImpl) -> str:
    """The key meant by a lone `name`: one that ends in it, here or in another option of a group."""
    values = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(values, dict)
    found = dict(leaves({k: v for k, v in values.items() if k != "hydra"}))
    taken_over = {  # dataset.epochs is no more than what trainer.epochs is by default
        str(v)[2:-1] for k, v in found.items() if str(v).endswith(f".{k.rpartition('.')[2]}}}")
    }
    keys = [key for key in found if key not in taken_over]
    ends = {key.rpartition(".")[2]: key for key in reversed(keys)}
    exact = [f"'{key}'" for key in keys if key.endswith(f".{name}")]
    if not exact:
        having = {
            group: [
                option
                for option in loader.get_group_options(group)
                if name in _own_keys(f"{group}/{option}", loader)
            ]
            for group in own_groups(cfg)
        }
        exact = [
            f"'{g}.{name}' of {g}={', '.join(options)}" for g, options in having.items() if options
        ]
    if exact:
        return f" (did you mean {' or '.join(exact)}?)"
    return closest(name, known) or re.sub(
        "'(.*)'", lambda near: f"'{ends[near[1]]}'", closest(name, ends)
    )


def _own_keys(path: str, loader: ConfigLoaderImpl) -> Sequence[str]:
    """The keys that the YAML file `path` of a group's option sets itself."""
    try:
        found = loader.repository.load_config(path)
    except FAILURES:  # a broken file of the user's own is told where it is chosen
        return []
    return [str(key) for key in found.config] if found else []


def _owner(parts: Sequence[str], cfg: DictConfig) -> str:
    choices = cfg.hydra.runtime.choices
    if len(parts) == 1 and isinstance(choices.get(parts[0]), str):
        return f"{parts[0]}={choices[parts[0]]} has no such key"
    return "no such key"


def reason(error: BaseException) -> str:
    """The first line of what lies at the bottom of `error`."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
