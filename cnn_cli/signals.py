"""Signals that ask to stop: training finishes its step and saves, all else ends where it is.

The exit code says which one it was.
"""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129, "SIGUSR1": 75, "SIGUSR2": 75}


class Stopped(BaseException):
    """A signal that came while there was nothing to save; its name is the only argument."""


@contextmanager
def raising() -> Iterator[None]:
    """While open, the first of the signals raises Stopped where the program is; a second one kills.

    Ctrl-C raises KeyboardInterrupt, as ever. What is open is closed on the way, and folders that
    were made for nothing are removed.
    """
    before = {number: signal.getsignal(number) for number in _heeded() if number != signal.SIGINT}

    def stop(number: int, _frame: FrameType | None) -> None:
        _set(before)
        raise Stopped(signal.Signals(number).name)

    try:
        _set(dict.fromkeys(before, stop))
        yield
    finally:
        _set(before)


def _heeded() -> list[int]:
    """The signals that are there, and not ignored because of nohup."""
    numbers = [getattr(signal, name) for name in EXIT_CODES if hasattr(signal, name)]
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none, nor SIGUSR1
    return [n for n in numbers if n != hang_up or signal.getsignal(n) != signal.SIG_IGN]


def _set(handlers: Mapping[int, object]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)  # type: ignore[arg-type]


class Interrupts:
    """While open, `received` names the first signal that came; a second one acts as usual."""

    def __init__(self) -> None:
        self.received: str | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in _heeded():
            self._before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name
        self._restore()

    def _restore(self) -> None:
        _set(self._before)
        self._before = {}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()
