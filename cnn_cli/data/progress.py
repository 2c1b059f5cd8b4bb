"""A bar on the terminal for work that takes a while before the training starts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]
"""Called with the number of units done since the last call."""


@contextmanager
def progress(
    text: str, total: int | None, *, done: int = 0, size: bool = False
) -> Iterator[Advance]:
    """A bar from `done` to `total` units (None = unknown) on stderr; gone when it is finished.

    `size` means that the units are bytes. Where there is no terminal: one line with the text.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    amount = (DownloadColumn(), TransferSpeedColumn()) if size else (MofNCompleteColumn(),)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), *amount)
    bar = Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(text, total=total, completed=done)
        yield lambda units: bar.advance(task, units)
