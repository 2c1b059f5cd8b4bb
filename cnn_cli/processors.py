"""How many processors this process may use, and how many of them others leave to it."""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

STATISTICS = Path("/proc/stat")
WORK, NICED = (0, 2, 5, 6, 7), 1
"""Columns of a processor in /proc/stat that are work which does not give way: user, system,
interrupts of both kinds, and what a virtual machine's host took; and the one of niced work, which
gives way to all that is not niced itself."""
MOST_THREADS = 4
"""Of each processor: more only wait for each other, until a step takes minutes."""
SHORTEST, LONGEST = 0.2, 20.0
"""Seconds over which the others' work is seen: less tells little, more nothing of now."""


@dataclass(frozen=True)
class Reading:
    """Seconds of the clock, of work on this process's processors, and of its own work."""

    clock: float
    work: float
    own: float


def cores() -> int:
    """Processors that this process may use: a container's or a batch job's share of the machine.

    OMP_NUM_THREADS is heeded, by which schedulers and people tell programs to take fewer.
    """
    limits = [len(_mine()) or os.cpu_count() or 1, _quota(), told_threads() or sys.maxsize]
    return max(1, min(limits))


def most_threads() -> int:
    """Threads that this machine can still be asked for."""
    return MOST_THREADS * (os.cpu_count() or 1)


def free_cores() -> int:
    """`cores()` less those that others have kept busy since this module was loaded, at least one.

    Threads wait for each other in every layer: where one of them has no processor, all stand still,
    and two threads beside another busy process take five times as long as one. With OMP_NUM_THREADS
    it is that number, which somebody has decided on.
    """
    if told_threads() or not _mine():
        return cores()
    return max(1, min(cores(), round(len(_mine()) - _taken())))


def _taken() -> float:
    """Processors that others' work takes, on average; 0 where the system does not tell."""
    before, now = START, _read()
    if before and now and now.clock - before.clock > LONGEST:
        before = now
    if before and now and now.clock - before.clock < SHORTEST:
        time.sleep(SHORTEST)
        now = _read()
    if before is None or now is None:
        return 0.0
    others = (now.work - before.work) - (now.own - before.own)
    return max(0.0, others / (now.clock - before.clock))


def _read() -> Reading | None:
    """What the system has counted up to now; None where it does not tell."""
    try:
        lines = STATISTICS.read_text().splitlines()
        ticks = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):  # not Linux
        return None
    names = {f"cpu{number}" for number in _mine()}
    columns = (*WORK, NICED) if os.nice(0) > 0 else WORK
    counted = [line.split() for line in lines]
    work = sum(
        int(words[1 + column]) for words in counted if words[0] in names for column in columns
    )
    own = sum(os.times()[:4])
    return Reading(time.monotonic(), work / ticks, own)


def _mine() -> set[int]:
    """The numbers of the processors that this process may run on; empty where nobody tells."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def told_threads() -> int:
    """OMP_NUM_THREADS; 0 where it is not set."""
    text = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(text) if text.isdigit() else 0


def _quota(file: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Processors that a container's quota comes to, rounded up; no limit where there is none."""
    try:
        quota, period = file.read_text().split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError):  # not Linux, another version of control groups, or "max"
        return sys.maxsize


START = _read()
"""When the program began: what others do is seen while it starts, which takes a second or more."""
