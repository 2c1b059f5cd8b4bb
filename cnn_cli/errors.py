"""What the person at the prompt is told when a request cannot be carried out."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A wrong request: every problem found, each one line that names the fix. Exit code 2."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems: tuple[str, ...] = problems


class TrainingError(Exception):
    """The work itself failed (a non-finite loss, a full disk). Exit code 1."""


class WorkerError(Exception):
    """A process that reads pictures has died, or hangs; the message names it and the file."""


ALIKE = 3
"""Letters that two words of different length must share at least to be taken for each other."""


def closest(word: str, options: Iterable[str]) -> str:
    """`" (did you mean 'adamw'?)"` for a near miss among `options`, else an empty string.

    Near is also what begins like the word, or the word like it: validation, val.
    """
    known = list(options)
    near = [option for option in known if _plain(option) == _plain(word)]
    near = near or difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    near = near or [o for o in known if min(len(o), len(word)) >= ALIKE and _begins(o, word)]
    return f" (did you mean '{near[0]}'?)" if near else ""


def _plain(word: str) -> str:
    """Letters and digits alone: Fashion-MNIST is fashion_mnist."""
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def _begins(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
