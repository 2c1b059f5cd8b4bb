"""What has been typed before the cursor, as far as it decides what may follow."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cnn_cli.arguments import COMMANDS, PLAIN, SWITCHES, VALUED


@dataclass
class Line:
    """The words before the current one."""

    command: str = ""
    """the verb, "" where none was typed"""
    values: dict[str, str] = field(default_factory=dict)
    """key or group -> the value given last"""
    waiting: str = ""
    """the flag whose value comes next"""
    is_help: bool = False
    multirun: bool = False
    config_dir: Path | None = None

    @property
    def verb(self) -> str:
        """The verb, typed or not."""
        return self.command or "train"


def read(words: Sequence[str]) -> Line:
    """Take apart the words between the program and the current word."""
    line = Line(command=words[0] if words and words[0] in PLAIN else "")
    for word in words:
        name, equals, value = word.partition("=")
        if line.waiting:
            _flag_value(line, line.waiting, word)
            line.waiting = ""
        elif name in VALUED and not equals:
            line.waiting = VALUED[name]
        elif name in VALUED:
            _flag_value(line, VALUED[name], value)
        elif SWITCHES.get(word) == "--help" or word == "help":
            line.is_help = True
        elif SWITCHES.get(word) == "--multirun":
            line.multirun = True
        elif equals:
            line.values[name.lstrip("+")] = value
        elif word in COMMANDS and not line.command:
            line.command = word
    return line


def _flag_value(line: Line, flag: str, value: str) -> None:
    if flag == "--config-dir" and Path(value).expanduser().is_dir():
        line.config_dir = Path(value).expanduser()


def split(text: str) -> list[str]:
    """The words of an unfinished command line, without quotes; the last one may be empty.

    As a POSIX shell splits it; a quote that is still open reaches to the end.
    """
    words, quote, started = [""], "", False
    letters = iter(text)
    for letter in letters:
        if letter == "\\" and quote != "'":
            words[-1] += _escaped(next(letters, ""), quote)
            started = True
        elif letter == quote or (not quote and letter in "'\""):
            quote, started = ("" if quote else letter), True
        elif letter.isspace() and not quote:
            if started or words[-1]:
                words.append("")
            started = False
        else:
            words[-1] += letter
    return words


def _escaped(letter: str, quote: str) -> str:
    """In double quotes a backslash counts before a few signs only."""
    return letter if not quote or letter in '"\\$`' else f"\\{letter}"
