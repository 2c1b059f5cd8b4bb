"""What may stand at the cursor: words typed so far -> candidates. Nothing heavy is imported."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cnn_cli.arguments import CHOICES, COMMANDS, PLAIN, SWITCHES, VALUED, is_path_key
from cnn_cli.completion.keys import AS_TRAINED, Key, chosen, keys, of_option, primary, run_root
from cnn_cli.completion.line import Line, read
from cnn_cli.completion.places import files, is_folder_key, run_names
from cnn_cli.pages import COMPLETION, FLAGS
from cnn_cli.sources import groups, options
from cnn_cli.sources import read as source

SHELLS = ("bash", "zsh")

REFERENCES = ("checkpoint", "resume", "model.weights", "baseline")
"""Keys whose value may be the name of a run."""

NO_PLACES = ("run.name", "dataset.url")
"""Keys whose value is taken as it is, but is no file."""


@dataclass(frozen=True)
class Candidate:
    """A word that may stand in place of the one at the cursor."""

    text: str
    shown: str
    """the part of it that a list shows"""
    note: str = ""
    """what it means"""
    ends: bool = True
    """whether the word is whole, so that a space follows"""
    is_path: bool = False


def candidates(words: Sequence[str], current: str) -> list[Candidate]:
    """What `current` may become, after `words` (both without the program's name and quotes)."""
    if words and words[0] == "completion":
        there = SHELLS if len(words) == 1 else ()
        return [Candidate(shell, shell) for shell in there if shell.startswith(current)]
    line = read(words)
    found: list[Candidate] = []
    if line.waiting:
        found = list(_flag_values(line.waiting, "", current))
        if line.waiting != "--info":  # the only one that can do without a value
            return found
    is_plain = line.command in PLAIN
    if current.startswith("-"):
        flags = (one for one in _flags(current) if not is_plain or _long(one.text) == "--help")
        return [*found, *flags]
    key, equals, value = current.partition("=")
    if line.is_help:
        return [*found, *_topics(line, current)]
    if is_plain and not equals:
        return list(_plain_names(line, words, current))
    return [*found, *(_values(line, key, value) if equals else _names(line, words, current))]


def comment(words: Sequence[str], current: str) -> str:
    """What the YAML says of the key whose value is being typed."""
    key, _, _ = current.partition("=")
    known = keys(read(words)).get(key.lstrip("+"))
    return f"{key}: {known.comment}" if known and known.comment else ""


def _flags(current: str) -> Iterator[Candidate]:
    flag, equals, value = current.partition("=")
    if equals:
        yield from _flag_values(VALUED.get(flag, ""), f"{flag}=", value)
        return
    notes = {name: note for left, note in FLAGS for name in re.findall(r"--?[\w-]+", left)}
    for name in (*SWITCHES, *VALUED):
        if name.startswith(current):
            same = [other for other in notes if _long(other) == _long(name)]
            yield Candidate(name, name, notes[same[0]] if same else "")


def _long(flag: str) -> str:
    return SWITCHES.get(flag) or VALUED.get(flag, flag)


def _flag_values(flag: str, stem: str, typed: str) -> Iterator[Candidate]:
    """The values of a flag; `stem` is `--flag=` where it stands in the same word."""
    for choice in CHOICES.get(flag, ()):
        if choice.startswith(typed):
            yield Candidate(stem + choice, choice)
    if flag == "--config-dir":
        yield from _files(stem, typed, folders_only=True)


def _names(line: Line, words: Sequence[str], current: str) -> Iterator[Candidate]:
    """Verbs, groups and keys."""
    name = current.lstrip("+")
    plus = current.removesuffix(name)
    if not (line.command or plus):
        verbs = {verb: source(f"{verb}.yaml", line.config_dir).title for verb in COMMANDS}
        verbs |= {} if words else _without_config()
        yield from (Candidate(v, v, note) for v, note in verbs.items() if v.startswith(current))
    for group in primary(line).defaults:
        if group.startswith(name):
            there = ", ".join(options(group, line.config_dir))
            yield Candidate(f"{plus}{group}=", f"{group}=", there, ends=False)
    sections = {
        f"{group}.": f"settings of {group}={','.join(names)}"
        for group, names in chosen(line).items()
    }
    for one in _segments(keys(line), name, plus, "="):
        yield replace(one, note=sections.get(one.shown, one.note))


def _plain_names(line: Line, words: Sequence[str], current: str) -> Iterator[Candidate]:
    """Runs and folders, as the command takes them, and its keys."""
    if line.command == "compare":
        for name in run_names(run_root(line), current):
            if name not in words:
                yield Candidate(name, name, "a run", is_path=True)
    for one in _files("", current, folders_only=line.command == "runs"):
        if not one.ends or one.text.endswith(".json"):
            yield one
    yield from _segments(keys(line), current, "", "=")


def _without_config() -> dict[str, str]:
    """The verbs that have to be the first word, with what they do."""
    return {verb: source(f"{verb}.yaml").title for verb in PLAIN} | COMPLETION


def _segments(known: Mapping[str, Key], typed: str, plus: str, end: str) -> Iterator[Candidate]:
    """The next part of each key that begins as typed; Hydra's own when they are asked for."""
    found: dict[str, list[str]] = {}
    for key, value in known.items():
        part, dot, rest = key.removeprefix(typed).partition(".")
        name = f"{typed}{part}{dot or end}"
        if key.startswith(typed) and (not part.startswith("_") or not typed.endswith(".")):
            found.setdefault(name, []).append(rest.split(".")[0] if dot else value.comment)
    for name, notes in found.items():
        shown = name.rstrip(".")
        shown = shown.rpartition(".")[2] + name[len(shown) :]
        note = ", ".join(dict.fromkeys(note for note in notes if not note.startswith("_")))
        yield Candidate(plus + name, shown, note, ends=not name.endswith((".", "=")))


def _topics(line: Line, current: str) -> Iterator[Candidate]:
    """What --help can be asked about."""
    group, equals, typed = current.partition("=")
    if equals:
        yield from _options(line, group, f"{group}=", typed, line.config_dir)
        return
    known = keys(line)
    for name in groups(line.config_dir):
        for option in options(name, line.config_dir):
            known = {**of_option(name, option, line.config_dir), **known}
    sections = dict.fromkeys(key.split(".")[0] for key in known if "." in key)
    verbs = () if line.command else COMMANDS
    words = {verb: source(f"{verb}.yaml", line.config_dir).title for verb in verbs}
    words |= _without_config()
    words |= {name: f"the settings of {name}" for name in sections}
    words |= {name: f"the options of {name}" for name in groups(line.config_dir)}
    for word, note in words.items():
        if word.startswith(current):
            yield Candidate(word, word, note)
    for name in groups(line.config_dir):
        if name.startswith(current):
            there = ", ".join(options(name, line.config_dir))
            yield Candidate(f"{name}=", f"{name}=", there, ends=False)
    yield from _segments(known, current, "", "")


def _values(line: Line, key: str, value: str) -> Iterator[Candidate]:
    """Values of a key or a group; of a list or a sweep, the one after the last comma."""
    current, name = f"{key}={value}", key.lstrip("+")
    if is_path_key(name):
        before, typed = "", value
        if line.multirun:  # else a comma is part of the path
            before, typed = _last(value)
        yield from _paths(line, name, f"{key}={before}", typed)
        return
    before, typed = _last(value)
    given = re.findall(r"[\w.-]+", before)
    inside = before.startswith("[")
    if name in primary(line).defaults:
        found = list(_options(line, name, f"{key}={before}", typed, line.config_dir))
    else:
        known = keys(line).get(name)
        there = known.values(inside) if known else []
        found = [Candidate(f"{key}={before}{v}", v) for v in there if v.startswith(typed)]
    found = [replace(one, ends=not before) for one in found if one.shown not in given]
    if inside and [one.shown for one in found] == [typed]:  # whole already: what comes after it
        ends = ((",", False), ("]", True))
        found = [Candidate(f"{current}{sign}", f"{typed}{sign}", ends=end) for sign, end in ends]
    yield from found


def _last(value: str) -> tuple[str, str]:
    """`value` up to its last comma or bracket, and what follows."""
    found = re.fullmatch(r"(.*[\[(,] *)?(.*)", value, re.DOTALL)
    assert found
    return found[1] or "", found[2]


def _options(
    line: Line, group: str, stem: str, typed: str, extra: Path | None
) -> Iterator[Candidate]:
    """The options of a group with the first line of their YAML."""
    default = primary(line).defaults.get(group)
    if default == AS_TRAINED and AS_TRAINED.startswith(typed):
        yield Candidate(stem + AS_TRAINED, AS_TRAINED, "What the run was trained with.")
    if stem == "figure=" and not line.is_help and "all".startswith(typed):
        yield Candidate(stem + "all", "all", "Every figure that can be drawn.")
    for option in options(group, extra):
        if option.startswith(typed):
            title = source(f"{group}/{option}.yaml", extra).title
            yield Candidate(stem + option, option, title)


def _paths(line: Line, key: str, stem: str, typed: str) -> Iterator[Candidate]:
    if key in REFERENCES:
        for name in run_names(run_root(line), typed):
            yield Candidate(stem + name, name, "a run", is_path=True)
    if key not in NO_PLACES:
        yield from _files(stem, typed, is_folder_key(key))


def _files(stem: str, typed: str, folders_only: bool) -> Iterator[Candidate]:
    for path in files(typed, folders_only):
        shown = path.rstrip("/").rpartition("/")[2] + "/" * path.endswith("/")
        yield Candidate(stem + path, shown, ends=not path.endswith("/"), is_path=True)
