"""The time that is told to be left."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from cnn_cli.engine import session as sessions
from cnn_cli.engine.session import FIRST_STEPS, Session


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(sessions, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def begun(step: int = 0, total: int = 20, **own: Any) -> Session:
    """A session of `total` steps that starts at `step`."""
    elapsed = own.get("elapsed", 0.0)
    state: Any = SimpleNamespace(
        step=step, total=total, elapsed=elapsed, pace=own.get("pace"), progress=lambda: 0.0
    )
    augmentation = SimpleNamespace(pixels=lambda _: 1.0, resizes=False)
    device = SimpleNamespace(synchronize=lambda: None)
    task: Any = SimpleNamespace(
        settings=SimpleNamespace(augmentation=augmentation),
        device=device,
        max_seconds=own.get("max_seconds", math.inf),
    )
    return Session(task, state, SimpleNamespace())  # type: ignore[arg-type]


def take(session: Session, clock: SimpleNamespace, *seconds: float) -> None:
    for each in seconds:
        clock.now += each
        session.state.step += 1
        session.stepped()


def test_the_slow_first_step_tells_nothing_of_the_rest(clock: SimpleNamespace) -> None:
    session = begun()
    take(session, clock, 60.0, *[2.0] * (FIRST_STEPS - 1))
    assert session.seconds_left() is None
    take(session, clock, 2.0)
    assert session.seconds_left() == pytest.approx(2.0 * (20 - 1 - FIRST_STEPS))


def test_after_a_resume_the_steps_of_this_process_count(clock: SimpleNamespace) -> None:
    session = begun(step=10, elapsed=1000.0)
    take(session, clock, 5.0, *[1.0] * FIRST_STEPS)
    assert session.seconds_left() == pytest.approx(20 - 11 - FIRST_STEPS)


def test_no_more_is_left_than_may_be_used_and_never_less_than_nothing(
    clock: SimpleNamespace,
) -> None:
    session = begun(max_seconds=10.0)
    take(session, clock, 1.0, *[1.0] * FIRST_STEPS)
    assert session.seconds_left() == pytest.approx(10.0 - 1 - FIRST_STEPS)
    take(session, clock, 30.0)
    assert session.seconds_left() == 0


def test_of_a_budget_what_is_not_used(clock: SimpleNamespace) -> None:
    pace = SimpleNamespace(budget=12.0, is_due=lambda _: False)
    session = begun(pace=pace)
    take(session, clock, 5.0)
    assert session.seconds_left() == pytest.approx(7.0)
    take(session, clock, 9.0)
    assert session.seconds_left() == 0
