"""Settings that spaces broke into several words, as the shell hands them on; how to write them."""

import itertools
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from cnn_cli.errors import closest


def whole(words: list[str], commands: Sequence[str], problems: list[str]) -> list[str]:
    """`words` without the settings that spaces broke into several; each of those is a problem."""
    kept: list[str] = []
    predict = "predict" in words
    while words:
        count, problem = _spaced(words, commands) or _unquoted(words, commands, predict) or (1, "")
        if problem:
            problems.append(problem)
        else:
            kept.append(words[0])
        words = words[count:]
    return kept


def _spaced(words: Sequence[str], commands: Sequence[str]) -> tuple[int, str] | None:
    """How many of the first `words` are a setting with a space at its `=`, and what to say."""
    key, equals, value = words[0].partition("=")
    if len(words) < 2 or value or key in commands or not re.fullmatch(r"\+{0,2}[\w./]+", key):
        return None
    following, count = words[1], 2
    if not equals and following == "=" and len(words) > 2:
        following, count = words[2], 3
    elif not equals and following.startswith("=") and following != "=":
        following = following[1:]
    elif not is_bare(following, commands) or not (equals or _is_key_and_value(key, following)):
        return None
    return count, f"{' '.join(words[:count])}: write {shlex.quote(f'{key}={following}')}"


def _is_key_and_value(key: str, value: str) -> bool:
    """Whether two bare words look like a setting rather than like two files."""
    number = re.fullmatch(r"\d*\.?\d*(e[+-]?\d+)?", value)
    return bool(re.fullmatch(r"[a-z]\w*(\.\w+)+", key)) and ("." not in value or bool(number))


def _unquoted(
    words: Sequence[str], commands: Sequence[str], predict: bool
) -> tuple[int, str] | None:
    """How many of the first `words` are one setting whose value has spaces, and what to say."""
    key, equals, value = words[0].partition("=")
    starts = range(1, len(words))
    bare = list(
        itertools.takewhile(
            lambda i: is_bare(words[i], commands) and not _spaced(words[i:], commands), starts
        )
    )
    if not equals or not key or not bare:
        return None
    if _is_open(value):
        for count in (i + 1 for i in bare):
            text = " ".join(words[:count])
            if not _is_open(text):
                return count, f"{text}: quote values with spaces: {shlex.quote(text)}"
    first, count = words[1], bare[-1] + 1
    text = " ".join(words[:count])
    other = Path(first).exists() or (predict and key != "images") or closest(first, commands)
    if other and not Path(text.partition("=")[2]).exists():
        return None
    rest = " ".join(words[1:count])
    return count, f"{rest}: is it part of {words[0]}? quote values with spaces: {shlex.quote(text)}"


def is_bare(word: str, commands: Sequence[str]) -> bool:
    """Whether `word` is neither a flag, a setting nor a command."""
    return "=" not in word and word not in commands and not word.startswith(("~", "-"))


def _is_open(text: str) -> bool:
    """Whether more brackets are opened than closed."""
    return any(text.count(a) > text.count(b) for a, b in ("[]", "{}", "()"))
