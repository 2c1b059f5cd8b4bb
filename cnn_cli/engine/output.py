"""Where words go: a terminal that may go away, and a log whose disk may be full."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console


class Terminal:
    """Standard output, which may go away: what is written then is lost, and nothing else."""

    def write(self, text: str) -> int:
        """Write as far as somebody reads."""
        with self._let_go():
            sys.stdout.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        with self._let_go():
            sys.stdout.flush()

    @contextmanager
    def _let_go(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stdout, name)


class Log:
    """A file to append to, which a full disk does not make fail: what it refuses is lost."""

    def __init__(self, path: Path, console: Console) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._console = console
        self._told = False

    def write(self, text: str) -> int:
        """Write, and at once: the log is there for what happens after."""
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            self._refused(error)
        except ValueError:  # closed: what TensorBoard's thread says after the end is lost
            pass
        return len(text)

    def flush(self) -> None:
        """Nothing is left to do."""

    def close(self) -> None:
        """Close the file; what could not be written stays so."""
        with suppress(OSError):
            self._file.close()

    def _refused(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            text = f"warning: {self._file.name} cannot be written: {error.strerror}"
            self._console.print(text, style="yellow", markup=False)
