"""A config as the plain text that is recorded with a run, and that text read back with care."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from cnn_cli.config import Config
from cnn_cli.errors import UserError
from cnn_cli.resolving import leaves

MAX_TEXT = 200_000
"""Characters of a recorded config that are read at most."""
DEEPEST = 20
"""Mappings and lists in one another that a config may have."""


def to_yaml(config: Config) -> str:
    """`config` as plain YAML, every value resolved: what is recorded with a run.

    Raises UserError where it is longer than `from_yaml` takes.
    """
    import yaml

    # asdict leaves tuples, for which plain YAML has no word
    values = _lists(dataclasses.asdict(config))
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    if len(text) > MAX_TEXT:
        raise UserError(
            f"the config has {len(text):,} characters; a checkpoint's may have {MAX_TEXT:,}"
        )
    return text


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value


def from_yaml(text: str) -> dict[str, Any]:
    """What `to_yaml` wrote, read as if by a stranger: plain values only, nothing to interpolate.

    Raises UserError for anything else: too long or too deep, not a mapping, YAML tags, aliases (a
    short text of aliases of aliases takes minutes to expand), or `${`.
    """
    import yaml

    if len(text) > MAX_TEXT:
        raise UserError(
            f"the recorded config has more than {MAX_TEXT} characters; it is not one of ours"
        )
    try:
        depth = 0
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise UserError("the recorded config has YAML aliases; it is not one of ours")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise UserError(
                    f"the recorded config is nested {depth} deep; it is not one of ours"
                )
        values = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(
            f"the recorded config is not plain YAML: {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise UserError("the recorded config is not a mapping of names; it is not one of ours")
    if any(
        "${" in f"{key}{leaf}" for key, leaf in leaves(values)
    ):  # YAML has other ways to spell $
        raise UserError("the recorded config has an interpolation; it is not one of ours")
    return values
