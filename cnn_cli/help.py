"""The help pages, drawn from the configs folder: every key with its default and its comment.

The files are read as text, line by line (keys by indentation, `key: value  # comment`), so that a
page is there at once, without Hydra, YAML or torch.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cnn_cli.arguments import COMMANDS
from cnn_cli.errors import UserError, closest
from cnn_cli.paths import config_dir

WIDTH = 80
COLUMN = 34
"""Where explanations begin beside a key and its default."""

EXAMPLES = {
    "": (
        ("cnn-train", "digits and a small CNN, in seconds"),
        ("cnn-train dataset=cifar10 model=resnet", "CIFAR-10 and a ResNet-20"),
        ("cnn-train evaluate", "the report on the newest run"),
        ("cnn-train visualize figure=gradcam", "where the network looks"),
        ("cnn-train predict images=photos/", "classify a folder of pictures"),
    ),
    "train": (
        ("cnn-train dataset=cifar10 model=resnet", "a good recipe"),
        ("cnn-train dataset=image_folder dataset.root=~/photos", "your own pictures"),
        ("cnn-train model.channels=[16,32] optimizer.lr=0.05", "other settings"),
        ("cnn-train resume=latest trainer.epochs=60", "go on, for longer"),
        ("cnn-train -m seed=0,1,2", "three runs in turn"),
        ("cnn-train experiment=smoke", "a recipe and its claim"),
    ),
    "evaluate": (
        ("cnn-train evaluate", "the newest run"),
        ("cnn-train evaluate split=val", "another part of it"),
        ("cnn-train evaluate dataset.root=/elsewhere", "the data has moved"),
        ("cnn-train evaluate dataset=image_folder dataset.root=new", "other data"),
        ("cnn-train evaluate require.accuracy=0.9", "exit code 3 if not"),
    ),
    "visualize": (
        ("cnn-train visualize", "the usual figures"),
        ("cnn-train visualize figure=[gradcam,mistakes]", "these two"),
        ("cnn-train visualize checkpoint=myrun dpi=300", "for print"),
    ),
    "predict": (
        ("cnn-train predict images=photo.jpg", "one picture"),
        ("cnn-train predict images=photos/ top_k=3", "a folder, searched through"),
        ("cnn-train predict images='scans/*.png'", "a pattern, in quotes"),
    ),
}
FLAGS = (
    ("-m, --multirun", "run every combination of values: seed=0,1,2"),
    ("--cfg job", "print the composed config and run nothing"),
    ("--info [defaults|...]", "print how the config is put together"),
    ("--config-dir DIR", "a folder with YAML files of your own, laid out as configs/"),
    ("-h, --help [TOPIC]", "this page, or a group, an option, a section, a key"),
    ("--version", "print the version"),
)
MORE = (
    ("cnn-train train --help", "the settings of a command"),
    ("cnn-train --help model", "the options of a group and their settings"),
    ("cnn-train --help dataset=cifar10", "one option"),
    ("cnn-train --help trainer", "a section of the settings"),
)
EXIT_CODES = (
    ("0", "done"),
    ("1", "the work failed"),
    ("2", "the request was wrong; nothing was started"),
    ("3", "a threshold of require.* was missed"),
    ("130, 143", "interrupted (Ctrl-C, SIGTERM); the state is saved"),
    ("75", "preempted (SIGUSR1, SIGUSR2); the state is saved"),
)


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


def page(command: str, topics: Sequence[str]) -> str:
    """The page of a command ("" for the overview), or of the topics asked for. Raises UserError."""
    if topics:
        return "\n\n".join(_topic(command or "train", topic) for topic in topics)
    return _command(command) if command else _overview()


def emphasised(text: str) -> str:
    """`text` with its headings in bold, for a terminal."""
    return re.sub(r"(?m)^(\S.*)$", "\033[1m\\1\033[0m", text)


def _overview() -> str:
    commands = [(name, _title(read(f"{name}.yaml"))) for name in COMMANDS]
    blocks = [
        "cnn-train: train, evaluate and picture image classifiers",
        "Usage\n  cnn-train [COMMAND] [group=option ...] [key=value ...] [FLAGS]",
        "Commands\n" + _table(commands, 12),
        "Groups\n" + _table([(group, ", ".join(options(group))) for group in groups()], 15),
        "Examples\n" + _examples(""),
        "Flags\n" + _table(FLAGS, 24),
        "Exit codes\n" + _table(EXIT_CODES, 12),
        "More\n" + _table(MORE, 35),
    ]
    return "\n\n".join(blocks)


def _command(command: str) -> str:
    source = read(f"{command}.yaml")
    name = "[train]" if command == "train" else command
    blocks = [
        f"cnn-train {command}: {_title(source)}",
        f"Usage\n  cnn-train {name} [group=option ...] [key=value ...] [FLAGS]",
        "Examples\n" + _examples(command),
        "Groups (* is the default; cnn-train --help GROUP has the settings of options)",
    ]
    blocks += [_group(group, chosen) for group, chosen in source.defaults.items()]
    blocks.append("Settings, with their defaults")
    blocks += ["\n".join(part) for part in _sections(source.entries)]
    blocks += ["Flags\n" + _table(FLAGS, 24), "Exit codes\n" + _table(EXIT_CODES, 12)]
    return "\n\n".join(blocks)


def _group(group: str, chosen: str) -> str:
    marked = re.findall(r"[\w.-]+", chosen)
    rows = [
        (f"{'*' if name in marked else ' '} {name}", _title(read(f"{group}/{name}.yaml")))
        for name in options(group)
    ]
    if "as_trained" in marked:
        rows.insert(0, ("* as_trained", "What the run was trained with."))
    return f"  {group}=\n" + _table(rows, 20, indent=4)


def _sections(entries: Sequence[Entry]) -> Iterator[list[str]]:
    """Lines of keys on the top level, then of each section under its comment."""
    top = [entry for entry in entries if "." not in entry.key and not entry.is_section]
    if top:
        yield [_row(entry) for entry in top]
    for section in (entry for entry in entries if entry.is_section and "." not in entry.key):
        inner = [e for e in entries if e.key.startswith(f"{section.key}.") and not e.is_section]
        head = f"  {section.key}: {section.comment}" if section.comment else ""
        yield ([*textwrap.wrap(head, WIDTH, subsequent_indent="    ")] if head else []) + [
            _row(entry) for entry in inner
        ]


def _topic(command: str, topic: str) -> str:
    """A group, `group=option`, a section or a key."""
    group, equals, option = topic.partition("=")
    source = read(f"{command}.yaml")
    if group in groups():
        if equals and option not in options(group):
            names = options(group)
            raise UserError(
                f"{topic}: no such {group}{closest(option, names)}; there are {', '.join(names)}"
            )
        names = [option] if equals else options(group)
        return "\n\n".join(_option(group, name) for name in names)
    found = [e for e in source.entries if e.key == group or e.key.startswith(f"{group}.")]
    if not found:
        known = [*groups(), *COMMANDS, *(entry.key for entry in source.entries)]
        raise UserError(f"--help {topic}: no such topic{closest(topic, known)}")
    return "\n".join(_row(entry) for entry in found if not entry.is_section)


def _option(group: str, name: str) -> str:
    source = read(f"{group}/{name}.yaml")
    lines = [f"{group}={name}", *(_filled("  ", line, 2) for line in source.header)]
    entries = {entry.key: entry for base in source.defaults for entry in _base(group, base)}
    entries |= {entry.key: entry for entry in source.entries}
    prefix = {"experiment": "", "figure": f"figure.{name}."}.get(group, f"{group}.")
    if group == "experiment":
        chosen = {key.split("/")[-1]: value for key, value in source.defaults.items()}
        lines += [f"  {key}={value}" for key, value in chosen.items()]
    shown = [e for e in entries.values() if not e.is_section and not e.key.endswith("_target_")]
    rows = [_row(Entry(prefix + e.key, e.default, e.comment, False)) for e in shown]
    return "\n".join([*lines, *([""] if rows else []), *rows])


def _base(group: str, name: str) -> tuple[Entry, ...]:
    """Keys that an option takes from another one of its group."""
    return read(f"{group}/{name}.yaml").entries if name in options(group) else ()


def _row(entry: Entry) -> str:
    left = f"  {entry.key}={entry.default}"
    if len(left) > COLUMN - 2:
        rest = textwrap.wrap(entry.comment, WIDTH - COLUMN)
        return "\n".join([left, *(" " * COLUMN + line for line in rest)])
    return _filled(left, entry.comment, COLUMN)


def _filled(left: str, text: str, column: int) -> str:
    lines = textwrap.wrap(text, WIDTH - column) or [""]
    return "\n".join(
        (left.ljust(column) if number == 0 else " " * column) + line
        for number, line in enumerate(lines)
    ).rstrip()


def _table(rows: Sequence[tuple[str, str]], column: int, indent: int = 2) -> str:
    return "\n".join(_filled(" " * indent + left, right, column + indent) for left, right in rows)


def _examples(command: str) -> str:
    """Commands with what they do beside them."""
    column = max(len(left) for left, _ in EXAMPLES[command])
    return "\n".join(f"  {left.ljust(column)}  # {right}" for left, right in EXAMPLES[command])


def _title(source: Source) -> str:
    return source.header[0] if source.header else ""


def groups() -> list[str]:
    """The groups, in the order of train.yaml's defaults list, then the others."""
    order = [*read("train.yaml").defaults, *read("visualize.yaml").defaults]
    there = [path.name for path in config_dir().iterdir() if path.is_dir()]
    return [name for name in dict.fromkeys(order) if name in there]


@cache
def options(group: str) -> list[str]:
    return sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))


@cache
def read(name: str) -> Source:
    """The file of that name in the configs folder."""
    lines = (config_dir() / Path(name)).read_text(encoding="utf-8").splitlines()
    header: list[str] = []
    for line in lines:
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            header.append(line.removeprefix("#").strip())
    return Source(tuple(header), dict(_defaults(lines)), tuple(_entries(lines)))


def _defaults(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    inside = False
    for line in lines:
        if re.match(r"\S", line):
            inside = line.startswith("defaults:")
        found = re.match(r"\s+- (?:override )?/?(?!hydra)([\w/]+)(?:: *(.*))?$", line)
        if inside and found and "hydra/" not in line and found[1] != "_self_":
            yield found[1], (found[2] or "").strip()


def _entries(lines: Sequence[str]) -> Iterator[Entry]:
    """The keys, dotted; Hydra's own section and the defaults list left out."""
    path: list[str] = []
    for line in lines:
        found = re.match(r"( *)([\w.]+):(?: +(.*?))??(?:  +# (.*))?$", line)
        if not found:
            continue
        indent, key, value, comment = found.groups()
        path = [*path[: len(indent) // 2], key]
        if path[0] not in ("hydra", "defaults"):
            yield Entry(".".join(path), value or "", comment or "", not value)
