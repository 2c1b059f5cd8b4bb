"""How many processors there are to be had, on this machine and on ones that are made up."""

import os
from pathlib import Path

import pytest

from cnn_cli import processors
from cnn_cli.processors import Reading, cores, free_cores

QUOTA = processors._quota


@pytest.fixture(autouse=True)
def _four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(processors, "_quota", lambda: 1 << 30)


def passed(monkeypatch: pytest.MonkeyPatch, seconds: float, work: float, own: float) -> None:
    """What the system has counted since this program began."""
    monkeypatch.setattr(processors, "START", Reading(100.0, 50.0, 1.0))
    monkeypatch.setattr(processors, "_read", lambda: Reading(100 + seconds, 50 + work, 1 + own))


def test_all_that_this_process_may_use() -> None:
    assert cores() == 4


def test_a_quota_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "_quota", lambda: 3)
    assert cores() == 3


@pytest.mark.parametrize(
    ("text", "count"), [("150000 100000", 2), ("100000 100000", 1), ("50000 100000", 1)]
)
def test_a_part_of_a_processor_is_one(text: str, count: int, tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(text)
    assert QUOTA(file) == count


@pytest.mark.parametrize("text", ["max 100000", "", "1 2 3"])
def test_no_quota_is_no_limit(text: str, tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(text)
    assert QUOTA(file) > 1 << 30
    assert QUOTA(tmp_path / "nothing") > 1 << 30


@pytest.mark.parametrize(
    ("work", "own", "free"),
    [
        (2.0, 2.0, 4),  # its own work alone
        (2.8, 2.0, 4),  # 0.4 processors of others
        (4.0, 2.0, 3),
        (8.0, 0.5, 1),  # all are busy: one is taken all the same
        (6.1, 0.0, 1),
        (1.0, 2.0, 4),  # counted a little later
    ],
)
def test_what_others_keep_busy_is_not_free(
    monkeypatch: pytest.MonkeyPatch, work: float, own: float, free: int
) -> None:
    passed(monkeypatch, 2.0, work, own)
    assert free_cores() == free


def test_a_quota_leaves_others_their_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "_quota", lambda: 2)
    passed(monkeypatch, 2.0, 4.0, 0.0)  # two of four are busy, the other two may be used
    assert free_cores() == 2


def test_who_told_a_number_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    passed(monkeypatch, 2.0, 8.0, 0.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert (cores(), free_cores()) == (3, 3)


@pytest.mark.parametrize("seconds", [0.01, 60.0])
def test_others_work_is_seen_over_a_time_that_tells(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Too short a time is waited for, and one that was long ago is not counted."""
    waited: list[float] = []
    readings = iter([Reading(100 + seconds, 50.0 + seconds, 0.0), Reading(200.0, 50.0, 0.0)])
    monkeypatch.setattr(processors, "START", Reading(100.0, 50.0, 0.0))
    monkeypatch.setattr(processors, "_read", lambda: next(readings))
    monkeypatch.setattr(processors.time, "sleep", waited.append)
    assert free_cores() == 4
    assert waited == [processors.SHORTEST]


def test_a_system_that_does_not_tell_has_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "STATISTICS", Path("/nowhere/stat"))
    assert free_cores() == 4
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert (cores(), free_cores()) == (6, 6)


def test_the_system_counts_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """user and system of this process's processors; not niced work, and not waiting."""
    file = tmp_path / "stat"
    file.write_text(
        "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 100 50 20 900 70 3 2 5 0 0\ncpu9 7000 0 0 0 0 0 0 0 0 0\n"
        "intr 1 2 3\n"
    )
    monkeypatch.setattr(processors, "STATISTICS", file)
    found = processors._read()
    assert found is not None
    assert found.work == pytest.approx(130 / os.sysconf("SC_CLK_TCK"))
    monkeypatch.setattr(os, "nice", lambda _: 5)  # this process is niced, as others may be
    found = processors._read()
    assert found is not None
    assert found.work == pytest.approx(180 / os.sysconf("SC_CLK_TCK"))
