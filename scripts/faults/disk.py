"""A disk that is full at some moment of a run: on a small file system in memory of its own."""

import ctypes
import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cnn_cli.engine.checkpoint import load
from cnn_cli.errors import UserError
from cnn_cli.run import Run, find_checkpoint
from faults.case import Case, in_child
from faults.training import check_no_traceback, command, finish, on_shapes, outcome

TOLD = "disk full during save, log, report: goes on or ends clean, old file loads, disk is named"

WHOLE = 420
"""KB that a run of this kind needs, generously."""
NEW_USER, NEW_MOUNTS, REMOUNT = 0x10000000, 0x00020000, 0x20
"""Names of sched.h and mount.h."""


def cases(full: bool) -> Iterator[Case]:
    """File systems from nearly nothing up to enough."""
    step = 8 if full else WHOLE // 12
    for size in range(step, WHOLE + 1, step):
        yield Case(f"disk-{size}k", lambda folder, size=size: _check(folder, size))


@cache
def can_mount() -> bool:
    """Whether this system lets a process have file systems of its own."""
    with tempfile.TemporaryDirectory() as place:
        return in_child(lambda: _mount(Path(place), 100)) == 0


@cache
def _reference() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as place:
        run, log = Path(place) / "run", Path(place) / "log"
        code = command([*_words(), f"run.dir={run}"], log)
        assert code == 0, log.read_text()
        return outcome(run)


def _words() -> list[str]:
    return [*on_shapes(), "trainer.tensorboard=true"]


def _check(folder: Path, size: int) -> None:
    expected, log = _reference(), folder / "log"
    disk = folder / "disk"
    disk.mkdir()
    code = in_child(lambda: _scenario(disk, size, expected, log), folder / "child.log")
    assert code == 0, (folder / "child.log").read_text()[-3000:]


def _scenario(disk: Path, size: int, expected: dict[str, object], log: Path) -> None:
    """In a child, whose file systems nobody else sees."""
    _mount(disk, size)
    run = disk / "run"
    code = command([*_words(), f"run.dir={run}"], log)
    text = log.read_text()
    assert code in (0, 1, 2), f"ended with {code}: {text[-2000:]}"
    check_no_traceback(log)
    if code:
        assert "space left" in text, text[-2000:]
    if code == 0:
        assert outcome(run)["weights"] == expected["weights"] or "warning" in text
    if Run(run).saved():
        _whole(run)
    _mount(disk, 64_000, again=True)
    if code:
        log.write_text("")
        finish(_words(), run, log)
        assert outcome(run) == expected


def _whole(run: Path) -> None:
    """At least one checkpoint can be loaded."""
    try:
        load(find_checkpoint(str(run), run, "last").path)
    except UserError as error:
        raise AssertionError(f"nothing is left: {error}") from error


def _mount(place: Path, size: int, *, again: bool = False) -> None:
    """A file system of `size` KB at `place`, for this process and its children alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not again:
        user, group = os.getuid(), os.getgid()
        flags = NEW_MOUNTS if user == 0 else NEW_MOUNTS | NEW_USER
        if libc.unshare(flags):
            raise OSError(ctypes.get_errno(), "unshare")
        if user:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        if libc.mount(None, b"/", None, 1 << 18 | 1 << 14, None):  # private, with all below it
            raise OSError(ctypes.get_errno(), "mount /")
    options = f"size={size}k".encode()
    flags = REMOUNT if again else 0
    if libc.mount(b"tmpfs", str(place).encode(), b"tmpfs", flags, options):
        raise OSError(ctypes.get_errno(), "mount tmpfs")
