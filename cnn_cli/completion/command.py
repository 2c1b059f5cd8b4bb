"""`cnn-train completion SHELL` prints a script; that asks `completion answer SHELL` at each Tab."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cnn_cli.completion.candidates import SHELLS, Candidate, candidates, comment
from cnn_cli.completion.line import split
from cnn_cli.errors import UserError, closest


def output(words: Sequence[str]) -> str:
    """What `cnn-train completion WORDS` prints. Raises UserError for a wrong shell."""
    match words:
        case ["answer", "bash", text, word]:
            return "\n".join(for_bash(text, word))
        case ["answer", "zsh", *before, current]:
            return "\n".join(for_zsh(before, current))
    known = f"write cnn-train completion {' or cnn-train completion '.join(SHELLS)}"
    if not words:
        raise UserError(f"completion: for which shell? {known}")
    if words[0] not in SHELLS:
        there = ", ".join(SHELLS)
        raise UserError(
            f"completion {words[0]}: no such shell{closest(words[0], SHELLS)}; there are {there}"
        )
    if len(words) > 1:
        raise UserError(f"completion {' '.join(words)}: takes one shell; {known}")
    return script(words[0])


def script(shell: str) -> str:
    """The text that the shell evaluates."""
    return Path(__file__).with_name(f"cnn-train.{shell}").read_text(encoding="utf-8").rstrip()


def for_bash(text: str, word: str) -> Iterator[str]:
    """How to insert the candidates, then those; `text` is the command line up to the cursor.

    `word` is the last part of it, which bash will replace: signs such as = and : begin a new one.
    """
    words = split(text)[1:]
    current = words.pop() if words else ""
    before = text.removesuffix(word)[-1:]
    quote = before if before in ("'", '"') else ""
    typed = split(quote + word)[-1]
    kept = len(current) - len(typed) if current.endswith(typed) else 0
    found = _printable(candidates(words, current))
    modes = {"open" for one in found if not one.ends} | {"paths" for one in found if one.is_path}
    yield " ".join(sorted(modes))
    # where the whole word is a path, bash adds the slash of a folder itself
    own_slash = current[:kept].endswith("=") or "=" not in current
    for one in found:
        left = one.text[kept:]
        yield left.rstrip("/") if one.is_path and own_slash else left
    if quote and [one.ends for one in found] == [False]:
        yield f"{found[0].text[kept:]}..."  # after a lone candidate bash would close the quotes


def for_zsh(words: Sequence[str], current: str) -> Iterator[str]:
    """A line a candidate: its kind, the word (of `key=value` the value), what a list shows.

    The kind is whole or open, of places file or folder; message for a comment, where a value is
    typed of which no candidates are known.
    """
    found = _printable(candidates(words, current))
    kept = current.find("=") + 1
    for one in found:
        is_place = one.is_path and not one.note  # the name of a run is no file's
        whole, part = ("file", "folder") if is_place else ("whole", "open")
        shown = one.shown if is_place else _described(one)
        yield "\t".join((whole if one.ends else part, one.text[kept:], shown))
    if not found and (told := comment(words, current)):
        yield f"message\t{told}"


def _described(one: Candidate) -> str:
    """`shown:note`, as zsh's _describe wants it."""
    shown = one.shown.replace("\\", "\\\\").replace(":", "\\:")
    return f"{shown}:{one.note}" if one.note else shown


def _printable(found: Sequence[Candidate]) -> list[Candidate]:
    """Without names that would break the lines of an answer, or that a shell would act on.

    A place is quoted by the shell itself; the name of somebody's YAML file is not.
    """
    return [
        one
        for one in found
        if one.text.isprintable() and (one.is_path or not set(one.text) & set("$`;&|<>\\"))
    ]
