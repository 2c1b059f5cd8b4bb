"""The keys that a line can set: those of its command and of the options chosen on it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnn_cli.completion.annotations import choices
from cnn_cli.completion.line import Line
from cnn_cli.errors import UserError
from cnn_cli.sources import (
    OF_A_RUN_ONLY,
    OF_TRAIN_ONLY,
    UNTRAINED,
    Entry,
    Source,
    entries,
    options,
    prefix,
    read,
    settings,
)

AS_TRAINED = "as_trained"
"""The option of a group that stands for what the run was trained with."""

FACTS = ("cnn_cli.data.contract.Preprocessing", "cnn_cli.sections.DatasetFacts")
"""Types of those of a data set's keys that are no arguments of its function."""

WORDS = {"check": ("data", "overfit", "lr", "resume"), "model.freeze": ("body",)}
"""Values of keys whose annotations list none: other words mean names of one's own there."""

PLAIN_TYPES = {"compare": "cnn_cli.plain.CompareConfig", "runs": "cnn_cli.plain.ListConfig"}
"""Types of the settings of commands without Hydra."""

Owner = tuple[str, tuple[str, ...]]
"""A callable's dotted name, and where in its arguments the value stands."""


@dataclass(frozen=True)
class Key:
    """A key with its default, its comment, and what types its value."""

    default: str
    comment: str
    owners: tuple[Owner, ...] = ()
    words: tuple[str, ...] = ()

    def values(self, items: bool = False) -> list[str]:
        """The values that its annotations list; with `items` those inside the brackets."""
        found = [choice for target, path in self.owners for choice in choices(target, path, items)]
        found += self.words
        if not found and self.default in ("true", "false") and not items:
            found = ["true", "false"]
        return list(dict.fromkeys(found))


def keys(line: Line) -> dict[str, Key]:
    """Every key that the line can set now, dotted as one types it."""
    found: dict[str, Key] = {}
    target = PLAIN_TYPES.get(line.verb, f"cnn_cli.config.{line.verb.capitalize()}Config")
    for entry in primary(line).entries:
        if not entry.is_section:
            owner = (target, tuple(entry.key.split(".")))
            words = WORDS.get(entry.key, ())
            found[entry.key] = Key(entry.default, entry.comment, (owner,), words)
    for group, names in chosen(line).items():
        recorded = _recorded(line, group) if AS_TRAINED in names else {}
        there = [name for name in names if name in options(group, line.config_dir)]
        for name in there if there or recorded else options(group, line.config_dir):
            for key, value in of_option(group, name, line.config_dir).items():
                known = found.get(key)
                owners = (known.owners if known else ()) + value.owners
                owners = tuple(dict.fromkeys(owners))
                found[key] = Key(value.default, value.comment, owners, WORDS.get(key, ()))
        found |= recorded
    recipe = _recipe(line)
    for entry in recipe.entries if recipe else ():
        if not entry.is_section:
            found.setdefault(entry.key, Key(entry.default, entry.comment))
    return found


def primary(line: Line) -> Source:
    """The primary config's groups and keys; for figures before any training those of both."""
    own = read(f"{line.verb}.yaml", line.config_dir)
    if not _is_preview(line):
        return own
    train = read("train.yaml", line.config_dir)
    of_train = [e for e in train.entries if e.key.split(".")[0] not in OF_TRAIN_ONLY]
    of_own = [e for e in own.entries if e.key == "checkpoint" or e.key not in OF_A_RUN_ONLY]
    defaults = {**own.defaults, **train.defaults}
    return Source(own.header, defaults, (*of_own, *of_train))


def _is_preview(line: Line) -> bool:
    """Whether the line asks for figures that need no run: it names none, or checkpoint=null."""
    if line.verb != "visualize":
        return False
    if "checkpoint" in line.values:
        return line.values["checkpoint"] == "null"
    names = re.findall(r"[\w.-]+", line.values.get("figure", ""))
    there = options("figure", line.config_dir)
    marked = (settings("figure", n, line.config_dir).get(UNTRAINED) for n in names if n in there)
    return bool(names) and all(mark is not None and mark.default == "true" for mark in marked)


def chosen(line: Line) -> dict[str, list[str]]:
    """Group -> the names that its choice on the line holds, or else its default."""
    defaults = primary(line).defaults
    recipe = _recipe(line)
    overrides = recipe.defaults if recipe else {}
    if line.values.get("resume", "null") != "null":
        defaults = {**defaults, **dict.fromkeys(defaults, AS_TRAINED)}
    return {
        group: re.findall(r"[\w.-]+", line.values.get(group, overrides.get(group, default)))
        for group, default in defaults.items()
        if group != "experiment"
    }


def _recipe(line: Line) -> Source | None:
    """The experiment on the line."""
    name = line.values.get("experiment", "")
    known = name in options("experiment", line.config_dir)
    return read(f"experiment/{name}.yaml", line.config_dir) if known else None


def of_option(group: str, name: str, extra: Path | None = None) -> dict[str, Key]:
    """The keys of one option of a group."""
    if group == "experiment":
        return {}
    start = prefix(group, name)
    return dict(_typed(group, start, list(settings(group, name, extra).values())))


def _typed(group: str, start: str, found: Sequence[Entry]) -> Iterator[tuple[str, Key]]:
    """The keys of a node, each with the callable that the nearest `_target_` above it names."""
    targets = {e.key.removesuffix("_target_"): e.default for e in found if "_target_" in e.key}
    for entry in found:
        if entry.is_section or (entry.default == "{}" and not entry.comment):
            continue
        above = [place for place in targets if entry.key.startswith(place)]
        owners: list[Owner] = []
        if above and not entry.key.endswith("_target_"):
            place = max(above, key=len)
            owners = [(targets[place], tuple(entry.key.removeprefix(place).split(".")))]
        if group == "dataset":
            owners += [(facts, (entry.key,)) for facts in FACTS]
        elif group == "device":
            owners = [("cnn_cli.sections.DeviceConfig", (entry.key,))]
        yield start + entry.key, Key(entry.default, entry.comment, tuple(owners))


def _recorded(line: Line, group: str) -> dict[str, Key]:
    """The keys of a group in the config of the run that the line names, if it can be read."""
    from cnn_cli.run import Run, find_run, run_of

    ref = line.values.get("resume" if line.verb == "train" else "checkpoint", "latest")
    try:
        meant = find_run(str(Path(ref).expanduser()), run_root(line))
        run = meant if isinstance(meant, Run) else run_of(meant)
        there = [] if run is None else entries(run.config)
    except (UserError, OSError, ValueError):
        return {}
    own = [e for e in there if e.key.startswith(f"{group}.")]
    leaves = [  # a list that is written over several lines looks like a section
        Entry(e.key.removeprefix(f"{group}."), e.default, "", is_section=False)
        for e in own
        if not any(other.key.startswith(f"{e.key}.") for other in own)
    ]
    return dict(_typed(group, f"{group}.", leaves))


def run_root(line: Line) -> Path:
    """The folder that holds the runs that can be named."""
    known = {e.key: e.default for e in primary(line).entries}
    return Path(line.values.get("run.root", known["run.root"])).expanduser()
