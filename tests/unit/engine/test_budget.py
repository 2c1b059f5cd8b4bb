"""The arithmetic of a time budget: no clock, no training."""

import math
from dataclasses import replace

import pytest

from cnn_cli.engine.budget import (
    READINGS,
    Calendar,
    Costs,
    Pace,
    corrected,
    pace_of,
    smaller,
    with_budget,
)

PACE = Pace(budget=60.0, per_step=0.1, closing=10.0)


def counted(calendar: Calendar, costs: Costs, first: int, last: int) -> float:
    """What `Calendar.seconds` says, step by step."""
    spent, closed = 0.0, first % calendar.closing == 0
    for step in range(first + 1, last + 1):
        spent += costs.step
        closed = step % calendar.closing == 0
        if closed:
            spent += costs.closing
        elif calendar.saving and step % calendar.saving == 0:
            spent += costs.saving
    return spent if closed else spent + costs.closing


@pytest.mark.parametrize("saving", [None, 3, 5, 10])
def test_a_calendar_counts_what_is_due(saving):
    calendar, costs = Calendar(10, saving), Costs(1.0, 100.0, 10.0)
    for first in range(25):
        for last in range(first, 50):
            found = calendar.seconds(costs, first, last)
            assert found == counted(calendar, costs, first, last), (first, last)


@pytest.mark.parametrize("step", [0, 7, 10, 23])
def test_the_last_step_is_the_last_that_fits(step):
    calendar, costs = Calendar(10, 4), Costs(1.0, 3.0, 0.5)
    for seconds in range(60):
        last = calendar.last_step(costs, step, seconds)
        assert last == step or calendar.seconds(costs, step, last) <= seconds
        assert calendar.seconds(costs, step, last + 1) > seconds


def test_progress_goes_on_from_where_it_was_corrected_and_ends_at_the_end():
    pace = replace(PACE, step=40, progress=0.4)
    assert pace.progress_at(40, 100) == 0.4
    assert pace.progress_at(70, 100) == pytest.approx(0.7)
    assert pace.progress_at(100, 100) == 1.0
    assert pace.progress_at(40, 40) == 1.0  # cut off here


def test_without_a_correction_progress_is_that_of_a_fixed_number_of_steps():
    assert [PACE.progress_at(s + 0.5, 37) for s in range(37)] == [(s + 0.5) / 37 for s in range(37)]


def test_a_correction_leaves_progress_where_it_is():
    calendar = Calendar(100)
    slower = replace(PACE, per_step=0.2, closing=5.0)
    pace, total = corrected(slower, 580, 100, 12.0, calendar)
    assert total < 580
    assert pace.progress_at(100, total) == PACE.progress_at(100, 580)
    assert slower.budget - 4 < 12.0 + calendar.seconds(slower.costs, 100, total) <= slower.budget


def test_a_total_that_is_nearly_right_stays():
    calendar = Calendar(1000)
    total = calendar.last_step(PACE.costs, 0, PACE.left(0.0))
    assert corrected(PACE, total + 3, 0, 0.0, calendar) == (PACE, total + 3)
    assert corrected(PACE, total + 30, 0, 0.0, calendar)[1] == total


def test_where_nothing_more_fits_the_end_is_here():
    pace, total = corrected(PACE, 500, 490, 59.9, Calendar(100))
    assert total == 490
    assert pace.progress_at(490, total) == 1.0


def test_one_disturbed_reading_moves_nothing():
    pace, elapsed = PACE, 0.0
    for number in range(1, 8):
        elapsed += 3.0 if number == 4 else 0.3
        pace = pace.read(3 * number, elapsed)
    assert pace.per_step == pytest.approx(0.1)
    for number in range(8, 8 + READINGS):  # but those that last do
        elapsed += 0.6
        pace = pace.read(3 * number, elapsed)
    assert pace.per_step == pytest.approx(0.2)
    assert len(pace.recent) == READINGS


@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_another_speed_is_seen_after_three_readings(factor):
    pace, elapsed = PACE, 0.0
    for _ in range(READINGS):
        elapsed += 0.3
        pace = pace.read(pace.read_step + 3, elapsed)
    assert pace.per_step == pytest.approx(0.1)
    for reading in range(3):
        assert pace.per_step == pytest.approx(0.1), reading
        elapsed += 0.3 * factor
        pace = pace.read(pace.read_step + 3, elapsed)
    assert pace.per_step == pytest.approx(0.1 * factor)


def test_a_schedule_that_ran_ahead_goes_back_when_steps_become_fast():
    calendar = Calendar(10_000)
    slow = replace(PACE, per_step=1.0, closing=0.0, step=10, progress=0.2)
    assert slow.progress_at(35, 50) == pytest.approx(0.7)
    fast = replace(slow, per_step=0.01)
    pace, total = corrected(fast, 50, 35, 15.0, calendar)  # a quarter of the time is used
    assert total == 35 + 4500
    assert pace.progress == pytest.approx(0.25)
    pace, _ = corrected(fast, 50, 35, 39.0, calendar)  # ahead by 0.05
    assert pace.progress == pytest.approx(0.7)


def test_validations_and_saves_are_no_part_of_a_steps_time():
    pace = PACE.read(10, 1.0).closed(5.0).saved(2.0).apart_from(1.0).read(20, 10.0)
    assert pace.per_step == pytest.approx(0.1)
    assert pace.costs.closing == pytest.approx(5.0)
    assert pace.costs.saving == 2.0


def test_a_validation_slows_down_with_the_steps():
    assert replace(PACE, per_step=0.2).costs.closing == 2 * PACE.costs.closing


def test_readings_come_more_often_towards_the_end():
    assert not PACE.is_due(0.2)
    assert PACE.is_due(0.26)
    near = replace(PACE, read_at=57.0)
    assert not near.is_due(57.05)
    assert near.is_due(57.1)
    assert replace(PACE, read_at=59.5).is_due(59.5)


def test_more_budget_sets_progress_to_the_share_of_time_that_is_used():
    ended = replace(PACE, step=400, progress=0.9)
    pace, total = with_budget(ended, 580, 580, 60.0, Calendar(1000), 120.0)
    assert pace.budget == 120.0
    assert pace.progress_at(580, total) == 0.5
    # without the validations of step 1000 and of the end, and a reserve: 1 s, 1 s and 0.25 s
    assert total == 580 + 577
    assert with_budget(ended, 580, 300, 30.0, Calendar(1000), 60.0) == (ended, 580)


@pytest.mark.parametrize(
    ("steps", "batch_size", "accumulate", "half"),
    [
        (199, 256, 1, 128),
        (200, 256, 1, None),
        (10, 64, 1, 32),
        (60, 256, 1, 64),
        (0, 256, 1, 32),
        (10, 63, 1, None),
        (10, 256, 129, None),
        (10, 256, 128, 128),
        (110, 256, 1, 128),
    ],
)
def test_a_smaller_batch_where_few_steps_fit(steps, batch_size, accumulate, half):
    assert smaller(steps, batch_size, accumulate) == half


def test_a_pace_comes_back_from_what_is_saved():
    pace = replace(PACE, recent=(0.1, 0.2), step=3, read_step=5, read_at=0.5)
    assert pace_of({**vars(pace), "recent": [0.1, 0.2]}, 5) == pace


@pytest.mark.parametrize(
    "change",
    [
        {"per_step": 0.0}, {"per_step": math.nan}, {"budget": -1.0}, {"progress": 1.5},
        {"step": 6}, {"step": 1.0}, {"read_step": -1}, {"closing": -1.0}, {"recent": 5},
        {"recent": [0.1] * (READINGS + 1)}, {"recent": [0.0]}, {"recent": ["x"]}, {"more": 1},
        {"read_at": None}, {"saving": True},
    ],
)  # fmt: skip
def test_what_is_no_pace_is_refused(change):
    assert pace_of({**vars(PACE), **change}, 5) is None


def test_a_pace_with_a_field_missing_is_refused():
    assert pace_of({"budget": 1.0, "per_step": 1.0, "closing": 1.0}, 5) is None
