"""What was typed, taken apart: the command, the flags, overrides that Hydra's grammar accepts.

Flags may stand anywhere; Hydra wants them in front. Values that are paths are put in quotes, since
Hydra's grammar gives a meaning to `~`, `=`, `,`, `#`, quotes, parentheses and letters beyond ASCII.
"""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cnn_cli.errors import UserError, closest
from cnn_cli.spaces import is_bare, whole

COMMANDS = ("train", "evaluate", "visualize", "predict", "export")
PLAIN = ("compare", "runs")
"""Commands that take words and a few settings, without Hydra."""
WITHOUT_CONFIG = (*PLAIN, "completion")
"""Commands of which Hydra composes nothing; they have to be the first word."""

SWITCHES = {
    "--help": "--help",
    "-h": "--help",
    "--version": "--version",
    "--multirun": "--multirun",
    "-m": "--multirun",
    "--run": "--run",
    "-r": "--run",
    "--resolve": "--resolve",
    "--hydra-help": "--hydra-help",
}
VALUED = {
    "--cfg": "--cfg",
    "-c": "--cfg",
    "--package": "--package",
    "-p": "--package",
    "--config-dir": "--config-dir",
    "-cd": "--config-dir",
    "--info": "--info",
    "-i": "--info",
}
REFUSED = {
    "--shell-completion": "cnn-train completion bash (or zsh) prints the script",
    "-sc": "cnn-train completion bash (or zsh) prints the script",
    "--config-name": "choose a recipe by experiment=NAME, and keep your own in --config-dir",
    "-cn": "choose a recipe by experiment=NAME, and keep your own in --config-dir",
    "--config-path": "add a folder of your own configs by --config-dir",
    "-cp": "add a folder of your own configs by --config-dir",
    "--experimental-rerun": "run the command again, or go on with a run by resume=REF",
}
CHOICES = {
    "--cfg": ("job", "hydra", "all"),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
}

PATH_KEYS = {"checkpoint", "resume", "images", "output", "model.weights", "baseline"}
PATH_KEYS |= {"slices", "run.dir", "run.name", "dataset.url", "dataset.file"}
NOT_EXPANDED = {"run.name", "dataset.url"}


@dataclass
class Request:
    """One command line. `flags` and `overrides` are ready for Hydra."""

    command: str = "train"
    flags: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    """the overrides as they were typed"""
    topics: list[str] = field(default_factory=list)
    """what --help is asked about"""
    action: Literal["run", "help", "version", "show"] = "run"
    """`show` is --cfg, --info and --hydra-help: nothing is run"""
    multirun: bool = False
    config_dir: str | None = None
    typed: list[str] = field(default_factory=list, compare=False)
    """the whole line, as it was typed"""


def parse(argv: Sequence[str]) -> Request:
    """The request in `argv` (without the program's name). Raises UserError with every problem."""
    request, problems = Request(typed=list(argv)), list[str]()
    words = _take_flags(list(argv), request, problems)
    if request.action == "version":
        return request
    if request.action == "help" or "help" in words:  # as a word it is no setting
        request.action = "help"
        words = [word for word in words if word != "help"]
        request.topics = [word for word in words if word not in COMMANDS]
        request.command = next((word for word in words if word in COMMANDS), "")
        return request
    # A folder called runs may well be part of a value with a space in it.
    others = (word for word in WITHOUT_CONFIG if not Path(word).exists())
    words = whole(words, (*COMMANDS, *others), problems)
    _take_command(words, request, problems)
    _check_flags(request.flags, problems)
    if request.config_dir is not None and not Path(request.config_dir).is_dir():
        problems.append(f"--config-dir={request.config_dir}: no such folder")
    request.given = words
    request.overrides = [quote_path(word, request.multirun) for word in words]
    if problems:
        raise UserError(*problems)
    return request


def _take_flags(words: list[str], request: Request, problems: list[str]) -> list[str]:
    """The words that are not flags; the flags go into `request`."""
    rest: list[str] = []
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            return rest + words
        if not word.startswith("-"):
            rest.append(word)
        elif word in SWITCHES:
            _switch(SWITCHES[word], request)
        elif name in VALUED:
            _valued(VALUED[name], value if equals else None, words, request, problems)
        elif name in REFUSED:
            if not equals and words and "=" not in words[0]:
                words.pop(0)
            problems.append(f"{name}: not offered here; {REFUSED[name]}")
        else:
            value_follows = not equals and words and is_bare(words[0], COMMANDS)
            problems.append(_unknown_flag(f"{word}={words.pop(0)}" if value_follows else word))
    return rest


def _check_flags(flags: Sequence[str], problems: list[str]) -> None:
    """Flags that Hydra does not take together."""
    names = [flag.partition("=")[0] for flag in flags]
    acts = [n for n in names if n in ("--run", "--multirun", "--cfg", "--info")]
    if len(set(acts)) > 1:
        problems.append(f"{' and '.join(acts)}: give one of them")
    if "--cfg" not in names:
        wrong = [name for name in names if name in ("--resolve", "--package")]
        problems.extend(f"{name}: has a meaning with --cfg only" for name in wrong)


def _switch(flag: str, request: Request) -> None:
    if flag == "--help":
        request.action = "help"
    elif flag == "--version":
        request.action = request.action if request.action == "help" else "version"
    else:
        request.flags.append(flag)
        request.multirun = request.multirun or flag == "--multirun"
        if flag == "--hydra-help" and request.action == "run":
            request.action = "show"


def _valued(
    flag: str, value: str | None, words: list[str], request: Request, problems: list[str]
) -> None:
    choices = CHOICES.get(flag, ())
    if value is None and flag == "--info":
        value = words.pop(0) if words and words[0] in choices else "all"
    elif value is None and words and (not choices or words[0] in choices):
        value = words.pop(0)
    if value is None or (choices and value not in choices):
        wrong = "" if value is None else closest(value, choices)
        problems.append(f"{flag}: needs {' or '.join(choices) or 'a value'}{wrong}")
        return
    if flag == "--config-dir":
        value = request.config_dir = _at_home(value)
    elif request.action == "run" and flag != "--package":
        request.action = "show"
    request.flags.append(f"{flag}={value}")


def _unknown_flag(word: str) -> str:
    name, equals, value = word.lstrip("-").partition("=")
    if re.match(r"[\w.]+$", name) and (equals or word.startswith("--")):
        near = closest(word.partition("=")[0], [*SWITCHES, *VALUED])
        if "." in name:
            setting = f"{name}={value or 'VALUE'}"
            return f"{word}: no such flag{near}; settings are written without dashes: {setting}"
        return (
            f"{word}: no such flag{near}; settings are written key=value, without dashes;"
            " cnn-train --help lists them"
        )
    return f"{word}: no such flag; cnn-train --help lists what there is"


def _take_command(words: list[str], request: Request, problems: list[str]) -> None:
    """Take the command off `words`: the first one that is no override."""
    problems.extend(f"{w}: settings are written key=value" for w in words if w.startswith("="))
    bare = [word for word in words if "=" not in word and not word.startswith("~")]
    for word in bare:
        words.remove(word)
    if bare and bare[0] in COMMANDS:
        request.command = bare.pop(0)
    elif bare:
        word = bare.pop(0)
        if word in WITHOUT_CONFIG:
            problems.append(
                f"{word}: has to be the first word; cnn-train {word} --help says what it takes"
            )
            return
        near = closest(word, (*COMMANDS, *WITHOUT_CONFIG))
        hint = f"; did you mean images={word}?" if not near and Path(word).exists() else ""
        problems.append(
            f"{word}: no such command{near}; there are {', '.join(COMMANDS)}"
            f" (settings are written key=value, without spaces){hint}"
        )
        return
    files = [word for word in bare if Path(word).exists()]
    if len(files) > 1 and request.command == "predict":
        folder = str(Path(files[0]).parent)
        problems.append(
            f"{files[0]} and {len(files) - 1} more files: give their folder, images={folder}, or"
            f" the pattern in quotes, images='{folder}/*{Path(files[0]).suffix}'"
        )
        bare = [word for word in bare if word not in files]
    problems.extend(_explain_word(word, request.command) for word in bare)


def _explain_word(word: str, command: str) -> str:
    """A word that is no setting, after the command."""
    if word in COMMANDS:
        return f"{word}: settings are written key=value, and {command} is the command already"
    near, key = closest(word, COMMANDS), ""
    if command == "predict":
        key = "images"
    elif command != "train" and Path(word).exists():
        key = "checkpoint"
    hint = f" (did you mean {key}={word}?)" if key else near
    return f"{word}: settings are written key=value, without spaces{hint}"


def is_path_key(key: str) -> bool:
    """Whether a setting's value is a path (or another text to be taken as it is)."""
    return key in PATH_KEYS or key.endswith(".root")


def quote_path(override: str, multirun: bool = False) -> str:
    """`override` with a path value in quotes and `~` expanded; any other stays as it is.

    A value that is null, or already in quotes, stays too. In a multirun the commas between paths
    separate the values of a sweep, and choice(...) and glob(...) stay; a path with a comma has to
    be put in quotes there.
    """
    key, equals, value = override.partition("=")
    if not equals or not is_path_key(key.lstrip("+")) or value in ("", "null", "???"):
        return override
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return override
    if multirun and re.match(r"(choice|glob|sort|shuffle)\(.*\)$", value):
        return override
    parts = _split(value) if multirun else [value]
    if key.lstrip("+") not in NOT_EXPANDED:
        parts = [part if _quoted(part) else _at_home(part) for part in parts]
    return f"{key}={','.join(part if _quoted(part) else quote(part) for part in parts)}"


def quote(text: str) -> str:
    """`text` in single quotes, as Hydra's grammar reads it back unchanged."""
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", text)
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f"'{escaped}{chr(92) * trailing}'"


def _split(value: str) -> list[str]:
    """The parts between commas that do not stand in quotes."""
    return re.findall(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^,]+", value)


def _at_home(path: str) -> str:
    """`path` with a leading `~` or `~user` replaced by that home folder, if there is one."""
    if path.startswith("~"):
        with contextlib.suppress(RuntimeError):
            return str(Path(path).expanduser())
    return path


def _quoted(part: str) -> bool:
    return len(part) > 1 and part[0] == part[-1] and part[0] in "'\""
