"""Commands whose line is plain words and a few settings: nothing is composed, no Hydra is needed.

Their settings, defaults and help stand in configs/ as those of the others do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cnn_cli.checking import conform
from cnn_cli.errors import UserError, closest
from cnn_cli.paths import config_dir
from cnn_cli.sections import RunsConfig
from cnn_cli.sources import read


@dataclass(frozen=True)
class CompareConfig:
    """Everything `cnn-train compare` is told besides its REFs."""

    output: str | None
    run: RunsConfig


@dataclass(frozen=True)
class ListConfig:
    """Everything `cnn-train runs` is told besides its folders."""

    sort: Literal["newest", "accuracy", "validation", "time", "name"]
    format: Literal["table", "csv", "json"]
    jobs: bool
    run: RunsConfig


PLAIN: Mapping[str, type[CompareConfig | ListConfig]] = {
    "compare": CompareConfig,
    "runs": ListConfig,
}
"""Command -> the type of its settings."""
TEXTS = ("output", "run.root")
"""Settings whose value is taken as it is typed, a `~` in front apart."""


def parse(command: str, words: Sequence[str]) -> tuple[list[str], Any]:
    """The plain words on the line, and the command's typed settings.

    Raises UserError with every problem found.
    """
    import yaml

    known = [entry.key for entry in read(f"{command}.yaml").entries if not entry.is_section]
    values = yaml.safe_load((config_dir() / f"{command}.yaml").read_text(encoding="utf-8"))
    problems, bare = list[str](), list[str]()
    flags = True
    for word in words:
        key, equals, value = word.partition("=")
        if flags and word == "--":
            flags = False
        elif flags and word.startswith("-") and len(word) > 1:
            problems.append(
                f"{word}: no such flag; {command} takes words and settings (key=value);"
                f" cnn-train {command} --help lists them"
            )
        elif equals and key in known:
            _set(values, key, _value(key, value, problems))
        elif equals and not Path(word).exists() and "/" not in key:
            there = f"there are {', '.join(known)}"
            problems.append(f"{word}: no such setting{closest(key, known)}; {there}")
        else:
            bare.append(word)
    config = conform("", values, PLAIN[command], problems)
    if problems:
        raise UserError(*problems)
    return bare, config


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    *above, last = key.split(".")
    for name in above:
        values = values[name]
    values[last] = value


def _value(key: str, text: str, problems: list[str]) -> Any:
    """What was typed, as YAML reads it; a path as it is."""
    import yaml

    if key in TEXTS:
        if not text:
            problems.append(f"{key}=: names no folder")
        return None if text == "null" else _at_home(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _at_home(text: str) -> str:
    try:
        return str(Path(text).expanduser())
    except RuntimeError:  # no such user's home
        return text
