"""The YAML files of the configs folders as text: comments, defaults lists, keys.

Read line by line (keys by indentation, `key: value  # comment`), so that a help page is there at
once, without Hydra or YAML. `extra` is a folder of the user's own, laid out as configs/ and
searched first, as Hydra does.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from cnn_cli.paths import config_dir

UNTRAINED = "_untrained_"
"""The mark, in a figure's YAML, that it needs no trained model."""

OF_TRAIN_ONLY = ("defaults", "resume", "check", "baseline", "run", "hydra")
OF_A_RUN_ONLY = ("defaults", "checkpoint", "batch_size", "class_map")
"""Keys of the primary configs that `visualize` without a run does not take over."""


@dataclass(frozen=True)
class Entry:
    """One key of a YAML file: dotted name, default, comment; a section has no default."""

    key: str
    default: str
    comment: str
    is_section: bool


@dataclass(frozen=True)
class Source:
    """One YAML file: the comment at its top, its defaults list, its keys."""

    header: tuple[str, ...]
    defaults: dict[str, str]
    entries: tuple[Entry, ...]

    @property
    def title(self) -> str:
        return self.header[0] if self.header else ""


def groups(extra: Path | None = None) -> list[str]:
    """The groups, in the order of train.yaml's defaults list, then the others."""
    order = [*read("train.yaml", extra).defaults, *read("visualize.yaml", extra).defaults]
    there = [path.name for path in config_dir().iterdir() if path.is_dir()]
    return [name for name in dict.fromkeys(order) if name in there]


@cache
def options(group: str, extra: Path | None = None) -> list[str]:
    """The names of the group's options, sorted."""
    return sorted(
        {path.stem for folder in _folders(extra) for path in (folder / group).glob("*.yaml")}
    )


@cache
def read(name: str, extra: Path | None = None) -> Source:
    """The file of that name, as in `model/cnn.yaml`."""
    path = next(there for folder in _folders(extra) if (there := folder / name).is_file())
    lines = path.read_text(encoding="utf-8").splitlines()
    header: list[str] = []
    for line in lines:
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            header.append(line.removeprefix("#").strip())
    return Source(tuple(header), dict(_defaults(lines)), tuple(_entries(lines)))


def bases(group: str, name: str, extra: Path | None = None) -> list[str]:
    """The options of the group that an option builds on, by its defaults list."""
    listed = read(f"{group}/{name}.yaml", extra).defaults
    names = [base.removeprefix(f"{group}/") for base, value in listed.items() if not value]
    return [base for base in names if base in options(group, extra)]


def settings(
    group: str, name: str, extra: Path | None = None, below: tuple[str, ...] = ()
) -> dict[str, Entry]:
    """The keys of an option and of those it builds on, whose comments stand where it has none.

    `below` are the options that are being read already: a circle ends there.
    """
    found: dict[str, Entry] = {}
    for base in bases(group, name, extra):
        if base not in (*below, name):
            found |= settings(group, base, extra, (*below, name))
    for entry in read(f"{group}/{name}.yaml", extra).entries:
        known = found.get(entry.key, entry).comment
        found[entry.key] = replace(entry, comment=entry.comment or known)
    return found


def prefix(group: str, name: str) -> str:
    """What stands before an option's own keys on the command line."""
    return {"experiment": "", "figure": f"figure.{name}."}.get(group, f"{group}.")


def entries(path: Path) -> list[Entry]:
    """The keys of any YAML file, such as the config that a run records."""
    return list(_entries(path.read_text(encoding="utf-8").splitlines()))


def _folders(extra: Path | None) -> list[Path]:
    return [config_dir()] if extra is None else [extra, config_dir()]


def _defaults(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    inside = False
    for line in lines:
        if re.match(r"[^\s#-]", line):
            inside = line.startswith("defaults:")
        found = re.match(r"\s*- (?:override )?/?(?!hydra)([\w/-]+)(?:: *(.*?))?(?: +#.*)?$", line)
        if inside and found and "hydra/" not in line and found[1] != "_self_":
            yield found[1], (found[2] or "").strip()


def _entries(lines: Sequence[str]) -> Iterator[Entry]:
    """The keys, dotted; Hydra's own section and the defaults list left out."""
    path: list[tuple[int, str]] = []
    for line in lines:
        found = re.match(r"( *)([\w.-]+):(?: +('[^']*'|\"[^\"]*\"|.*?))??(?: +# ?(.*))?$", line)
        if not found:
            continue
        indent, key, value, comment = found.groups()
        path = [*(above for above in path if above[0] < len(indent)), (len(indent), key)]
        if path[0][1] not in ("hydra", "defaults"):
            yield Entry(".".join(part for _, part in path), value or "", comment or "", not value)
