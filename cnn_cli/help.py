"""The help pages, drawn from the configs folders: every key with its default and its comment."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cnn_cli.arguments import COMMANDS, PLAIN
from cnn_cli.errors import UserError, closest
from cnn_cli.pages import (
    COLUMN,
    COMPLETION,
    EXIT_CODES,
    FLAGS,
    MORE,
    PLAIN_FLAGS,
    PLAIN_NOTES,
    PLAIN_USAGE,
    PLAIN_WORDS,
    SET_UP,
    WIDTH,
    examples,
    filled,
    table,
)
from cnn_cli.sources import Entry, bases, groups, options, prefix, read, settings

SIZE = re.compile(r"^Size: ([\d,]+) parameters, ([\d,.]+) MFLOPs", re.MULTILINE)
"""How a model's file states what it costs at its defaults."""


def page(command: str, topics: Sequence[str], extra: Path | None = None) -> str:
    """The page of a command ("" for the overview), or of the topics asked for.

    `extra` is a folder of the user's own configs, searched first. Raises UserError.
    """
    if extra is not None and not extra.is_dir():
        raise UserError(f"--config-dir={extra}: no such folder")
    if topics:
        return "\n\n".join(_topic(command or "train", topic, extra) for topic in topics)
    return _command(command, extra) if command else _overview(extra)


def _overview(extra: Path | None) -> str:
    commands = [(name, read(f"{name}.yaml", extra).title) for name in (*COMMANDS, *PLAIN)]
    commands += COMPLETION.items()
    choices = [(group, ", ".join(options(group, extra))) for group in groups(extra)]
    blocks = [
        "cnn-train: train, evaluate and picture image classifiers",
        "Usage\n  cnn-train [COMMAND] [group=option ...] [key=value ...] [FLAGS]",
        "Commands\n" + table(commands, 12),
        "Groups\n" + table(choices, 15),
        "Examples\n" + examples(""),
        "Flags\n" + table(FLAGS, 24),
        "Exit codes\n" + table(EXIT_CODES, 12),
        "More\n" + table(MORE, 35),
    ]
    return "\n\n".join(blocks)


def _command(command: str, extra: Path | None) -> str:
    source = read(f"{command}.yaml", extra)
    name = "[train]" if command == "train" else command
    blocks = [
        f"cnn-train {command}: {source.title}",
        f"Usage\n  cnn-train {name} [group=option ...] [key=value ...] [FLAGS]",
        "Examples\n" + examples(command),
        "Groups (* is the default; cnn-train --help GROUP has the settings of options)",
    ]
    blocks += [_choices(group, chosen, extra) for group, chosen in source.defaults.items()]
    blocks.append("Settings, with their defaults")
    blocks += ["\n".join(part) for part in _sections(source.entries)]
    blocks += ["Flags\n" + table(FLAGS, 24), "Exit codes\n" + table(EXIT_CODES, 12)]
    return "\n\n".join(blocks)


def _plain(command: str) -> str:
    """The page of a command that takes words and a few settings."""
    source = read(f"{command}.yaml")
    blocks = [
        f"cnn-train {command}: {source.title}",
        f"Usage\n  cnn-train {command} {PLAIN_USAGE[command]}",
        "Examples\n" + examples(command),
        "Words\n" + table(PLAIN_WORDS[command], 10),
        "Settings, with their defaults\n"
        + "\n".join(line for part in _sections(source.entries) for line in part),
        "Notes\n"
        + textwrap.fill(PLAIN_NOTES[command], WIDTH, initial_indent="  ", subsequent_indent="  "),
        "Flags\n" + table(PLAIN_FLAGS, 24),
        "Exit codes\n" + table(EXIT_CODES[:3], 12),
    ]
    return "\n\n".join(blocks)


def _choices(group: str, chosen: str, extra: Path | None) -> str:
    marked = re.findall(r"[\w.-]+", chosen)
    rows = [
        (f"{'*' if name in marked else ' '} {name}", read(f"{group}/{name}.yaml", extra).title)
        for name in options(group, extra)
    ]
    if "as_trained" in marked:
        rows.insert(0, ("* as_trained", "What the run was trained with."))
    return f"  {group}=\n" + table(rows, 20, indent=4)


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


def _topic(command: str, topic: str, extra: Path | None) -> str:
    """A group, `group=option`, a section or a key; what follows a key's `=` plays no part."""
    name, _, chosen = topic.lstrip("+~").partition("=")
    if topic in PLAIN:
        return _plain(topic)
    if topic in COMPLETION:
        return f"cnn-train {topic}: {COMPLETION[topic]}\n\nSet-up\n{table(SET_UP, 38)}"
    if name not in groups(extra):
        return _key(command, name, extra)
    there, wanted = options(name, extra), re.findall(r"[\w.-]+", chosen)
    for option in wanted:
        if option not in there:
            near = closest(option, there)
            raise UserError(f"{topic}: no such {name}{near}; there are {', '.join(there)}")
    shown = wanted or there
    list_of_all = [] if wanted else [_listing(name, there, extra)]
    return "\n\n".join([*list_of_all, *(_option(name, option, extra, shown) for option in shown)])


def _listing(group: str, names: Sequence[str], extra: Path | None) -> str:
    """A line for each option, with its size where its file states one."""
    sources = {name: read(f"{group}/{name}.yaml", extra) for name in names}
    sizes = {name: SIZE.search("\n".join(source.header)) for name, source in sources.items()}
    if not any(sizes.values()):
        return f"{group}=\n" + table([(n, source.title) for n, source in sources.items()], 20)
    head = f"{f'{group}=':<16}{'parameters':>12}{'MFLOPs':>9}"
    rows = [
        (f"{name:<14}{found[1] if found else '':>12}{found[2] if found else '':>9}", source.title)
        for (name, source), found in zip(sources.items(), sizes.values(), strict=True)
    ]
    return f"{head}\n" + table(rows, 40)


def _option(group: str, name: str, extra: Path | None, beside: Sequence[str]) -> str:
    """The page of an option: all its settings, or its own where its base is shown `beside` it."""
    source = read(f"{group}/{name}.yaml", extra)
    lines = [f"{group}={name}", *(filled("  ", line, 2) for line in source.header)]
    if group == "experiment":
        chosen = {key.split("/")[-1]: value for key, value in source.defaults.items()}
        lines += [f"  {key}={value}" for key, value in chosen.items()]
    known = settings(group, name, extra)
    shown = [f"{group}={base}" for base in bases(group, name, extra) if base in beside]
    own = [known[entry.key] for entry in source.entries] if shown else list(known.values())
    rows = [_row(entry) for entry in _visible(group, name, own)]
    if shown:
        lines.append(f"  As {' and '.join(shown)}{', with' if rows else ''}")
    return "\n".join([*lines, *([""] if rows else []), *rows])


def _visible(group: str, name: str, entries: Sequence[Entry]) -> list[Entry]:
    """The entries as they are typed at the prompt, without sections and Hydra's own keys."""
    shown = [e for e in entries if not (e.is_section or e.key.split(".")[-1].startswith("_"))]
    shown = [e for e in shown if e.comment or e.default != "{}"]  # an empty place, nothing to set
    return [replace(entry, key=prefix(group, name) + entry.key) for entry in shown]


Place = tuple[str, str]
"""Where a key stands: ("device=", "cpu"), ("cnn-train ", "evaluate")."""


def _key(command: str, key: str, extra: Path | None) -> str:
    """A section or a key: of the command, else of options, else whatever ends in that word."""
    here = dict(_places(command, extra))
    others: dict[Place, list[Entry]] = {}
    for other in COMMANDS:
        if other != command:
            entries = read(f"{other}.yaml", extra).entries
            others["cnn-train ", other] = [entry for entry in entries if not entry.is_section]
    inside = rf"{re.escape(key)}(\.|$)"
    found = _matching(here, inside)
    found = found or _matching(here, rf".*\.{re.escape(key)}$") | _matching(others, inside)
    if not found:
        keys = [entry.key for there in (here | others).values() for entry in there]
        known = dict.fromkeys([*groups(extra), *COMMANDS, *PLAIN, *COMPLETION, *keys])
        raise UserError(f"--help {key}: no such topic{closest(key, known)}")
    return "\n\n".join(_merged(found))


def _places(command: str, extra: Path | None) -> Iterator[tuple[Place, list[Entry]]]:
    """The command's own settings, then those of every option."""
    entries = read(f"{command}.yaml", extra).entries
    yield ("", ""), [entry for entry in entries if not entry.is_section]
    for group in groups(extra):
        for name in options(group, extra) if group != "experiment" else []:
            known = settings(group, name, extra)
            yield (f"{group}=", name), _visible(group, name, list(known.values()))


def _matching(
    places: Mapping[Place, Sequence[Entry]], pattern: str
) -> dict[Place, tuple[Entry, ...]]:
    found = {
        place: tuple(entry for entry in entries if re.match(pattern, entry.key))
        for place, entries in places.items()
    }
    return {place: entries for place, entries in found.items() if entries}


def _merged(found: Mapping[Place, tuple[Entry, ...]]) -> Iterator[str]:
    """Rows under the names of the places that share them."""
    shared: dict[tuple[str, tuple[Entry, ...]], list[str]] = {}
    for (kind, name), entries in found.items():
        shared.setdefault((kind, entries), []).append(name)
    for (kind, entries), names in shared.items():
        head = textwrap.wrap(kind + ", ".join(names), WIDTH)
        yield "\n".join([*head, *(_row(entry) for entry in entries)])


def _row(entry: Entry) -> str:
    words = _in_words(entry)
    left = f"  {entry.key} ({words})" if words else f"  {entry.key}={entry.default}"
    if len(left) > COLUMN - 2:
        rest = textwrap.wrap(entry.comment, WIDTH - COLUMN)
        return "\n".join([left, *(" " * COLUMN + line for line in rest)])
    return filled(left, entry.comment, COLUMN)


def _in_words(entry: Entry) -> str:
    """What stands in place of a default that is no value: a demand, or the value of another key."""
    if entry.default == "???":
        return "required"
    found = re.fullmatch(r"\$\{(?:(\w+)\.)?([\w.]+)\}", entry.default)
    if not found:
        return ""
    section, key = found.groups()
    owner = {None: "the value of", "dataset": "the data set's"}.get(section, f"the {section}'s")
    return f"{owner} {key}" if section is None or not entry.key.endswith(f".{key}") else owner
