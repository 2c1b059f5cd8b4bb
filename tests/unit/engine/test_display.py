"""What is printed: plain lines where there is no terminal, bars where there is, the log beside."""

import io
import os
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from cnn_cli.engine.display import Display, counting, duration
from cnn_cli.engine.records import Figures, Record

RECORD = Record(
    step=8,
    epoch=2,
    train=Figures(0.5, 0.75, 1.0, 0.01),
    validation={"loss": 0.25, "accuracy": 0.9},
    validated=True,
    best=True,
    elapsed=65.0,
    images_per_second=1234.0,
)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (65, "1:05"), (3661, "1:01:01")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_one_plain_line_an_epoch_without_a_terminal(tmp_path):
    file = io.StringIO()
    display = Display(Console(file=file, width=200))
    with display.logging(tmp_path / "train.log"), display.training(0, 40, 4, None):
        display.step(5, RECORD.train, 100.0, 65.0)
        display.epoch(RECORD, 0.9)
    line = (
        "epoch  2/10  train loss 0.500 acc  75.00%  val loss 0.250 acc  90.00%"
        "  lr 1.0e-02  1,234 img/s  1:05  best\n"
    )
    assert file.getvalue() == line
    assert (tmp_path / "train.log").read_text() == line


@pytest.mark.parametrize(
    ("step", "total", "text"),
    [(8, 12, "epoch 2.0/3.0 "), (8, 13, "epoch 2.0/3.2 "), (13, 13, "epoch 3.2/3.2 "),
     (1, 1, "epoch 0.25/0.25 ")],
)  # fmt: skip
def test_a_part_of_an_epoch_is_told_as_such(step, total, text):
    file = io.StringIO()
    display = Display(Console(file=file, width=200))
    with display.training(0, 40, 4, None):
        display.retarget(total)
        display.epoch(replace(RECORD, step=step), 0.9)
    assert file.getvalue().startswith(text)


def test_the_bar_follows_a_total_that_is_corrected():
    file = io.StringIO()
    display = Display(Console(file=file, width=160, force_terminal=True, color_system=None))
    with display.training(0, 40, 4, None):
        display.step(6, RECORD.train, 100.0, 65.0)
        display.retarget(31)
        display.step(9, RECORD.train, 100.0, 65.0)
        display._progress.refresh()
    assert "9/31" in file.getvalue()
    assert "epoch 2.2/7.8" in file.getvalue()


def test_bars_in_a_terminal():
    file = io.StringIO()
    display = Display(Console(file=file, width=160, force_terminal=True, color_system=None))
    with display.training(0, 40, 4, None):
        display.step(6, RECORD.train, 100.0, 65.0)
        display._progress.refresh()  # what the clock would do
        display.epoch(RECORD, 0.9)
        display.step(9, RECORD.train, 321.0, 59.6)
        display._progress.refresh()
    shown = file.getvalue()
    for part in ("epoch 2/10", "epoch 3/10", "in all", "321 images/s", "best 0.9", "loss 0.500"):
        assert part in shown
    assert "1:05 left" in shown
    assert "1:00 left" in shown
    assert "--:--" not in shown


def test_the_last_bar_is_full():
    file = io.StringIO()
    display = Display(Console(file=file, width=160, force_terminal=True, color_system=None))
    with display.training(0, 8, 4, None):
        display.step(6, RECORD.train, 100.0, 0.0)
        display.epoch(replace(RECORD, step=8), 0.9)
        display._progress.refresh()
    assert "4/4" in file.getvalue()
    assert "epoch 2/2" in file.getvalue()


def test_the_bar_of_a_part_of_an_epoch_ends_with_the_budget():
    file = io.StringIO()
    display = Display(Console(file=file, width=160, force_terminal=True, color_system=None))
    with display.training(0, 40, 4, None):
        display.retarget(7)
        display.step(5, RECORD.train, 100.0, None)
        display._progress.refresh()
        display.epoch(replace(RECORD, step=7), 0.9)
        display._progress.refresh()
    shown = file.getvalue()
    assert "1/3" in shown
    assert "epoch 1.2/1.8" in shown
    assert "left" not in shown
    assert "epoch 2/1.8" not in shown


def test_paths_are_no_markup():
    file = io.StringIO()
    Display(Console(file=file, width=80)).say("/data/[red]/x", markup=False)
    assert file.getvalue() == "/data/[red]/x\n"


def test_counting_is_silent_without_a_terminal():
    file = io.StringIO()
    with counting(Console(file=file), "pictures", 10) as advance:
        advance(10)
    assert file.getvalue() == ""


def test_training_goes_on_when_the_reader_of_a_pipe_leaves(monkeypatch, tmp_path):
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdout", os.fdopen(writing, "w"))
    display = Display(lasting=True)
    display.say("one")
    assert os.read(reading, 10) == b"one\n"
    os.close(reading)
    with display.logging(tmp_path / "log"):
        for _ in range(3):
            display.say("two")
    sys.stdout.close()
    assert (tmp_path / "log").read_text() == "two\n" * 3


def test_what_a_thread_says_after_the_end_is_lost_and_raises_nothing(tmp_path):
    """TensorBoard's own may find the disk full when the log is closed."""
    display = Display(Console(file=io.StringIO()))
    with display.logging(tmp_path / "log"):
        display.say("in time")
        _, log = display.consoles
    log.print("too late")
    assert (tmp_path / "log").read_text() == "in time\n"
