"""Who may write in a run's folder: one process at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from cnn_cli.errors import UserError
from cnn_cli.files import clear_leftovers, is_alive
from cnn_cli.run import Run

try:
    import fcntl
except ImportError:  # Windows: there, nothing keeps two processes out of one folder
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"


@contextmanager
def claimed(folder: Path, is_new: bool) -> Iterator[None]:
    """Have `folder` to oneself, made where it is new; gone again if nothing was written into it.

    Raises UserError where it cannot be made, or where another process is at work in it.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=not (is_new and made))
        lock = (folder / LOCK).open("a+")
    except OSError as error:
        what = "be written" if folder.is_dir() else "be made"
        raise UserError(f"{folder}: the run's folder cannot {what}: {error.strerror}") from error
    with lock:
        _lock(lock, folder)
        for place in (folder, Run(folder).checkpoints, Run(folder).report):
            clear_leftovers(place)
        if is_new and any(path.name != LOCK for path in folder.iterdir()):
            raise UserError(f"{folder}: is not empty; another process may just have used it")
        try:
            yield
        except OSError as error:
            if error.filename is None:  # of a write: it is told on which disk
                error.filename = str(folder)
            raise
        finally:
            if made and [path.name for path in folder.iterdir()] == [LOCK]:
                (folder / LOCK).unlink()
                _remove_empty(made)


def holder(folder: Path) -> str | None:
    """The process that is at work in a run's folder, as it noted itself; None where none is."""
    try:
        with (folder / LOCK).open() as lock:
            process = lock.read().strip()
            # Its lock is asked for only where it may be held: a run that starts now gets it.
            if fcntl and is_alive(int(process)):  # type: ignore[truthy-bool]
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return process
    except (OSError, ValueError, OverflowError):
        pass
    return None


def _remove_empty(folders: list[Path]) -> None:
    """Remove `folders`, the inner ones first, up to one that others use by now."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _lock(file: IO[str], folder: Path) -> None:
    """The system gives the lock back when the process ends, however it ends."""
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A process that ended meanwhile may have removed the file that was opened.
        if os.fstat(file.fileno()).st_ino != (folder / LOCK).stat().st_ino:
            raise OSError("another lock is there by now")
    except OSError:
        file.seek(0)
        who = file.read().strip() or "?"
        raise UserError(f"{folder}: process {who} is at work in this run's folder") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
