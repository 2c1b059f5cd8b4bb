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


def closest(word: str, options: Iterable[str]) -> str:
    """`" (did you mean 'adamw'?)"` for a near miss among `options`, else an empty string."""
    near = difflib.get_close_matches(word, list(options), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
