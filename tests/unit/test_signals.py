"""Signals are noted once; the second acts as it always did."""

import os
import signal

import pytest

from cnn_cli.cli import main
from cnn_cli.signals import EXIT_CODES, Interrupts, Stopped, raising


@pytest.mark.parametrize("name", sorted(EXIT_CODES))
def test_the_first_is_noted_and_the_handlers_come_back(name):
    before = signal.getsignal(getattr(signal, name))
    with Interrupts() as interrupts:
        os.kill(os.getpid(), getattr(signal, name))
        assert interrupts.received == name
        assert signal.getsignal(getattr(signal, name)) == before
    assert signal.getsignal(getattr(signal, name)) == before


def test_the_second_interrupt_ends_at_once():
    with Interrupts():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_outside_of_training_a_signal_ends_the_work_where_it_is(name):
    before = signal.getsignal(getattr(signal, name))
    with pytest.raises(Stopped, match=name), raising():
        signal.raise_signal(getattr(signal, name))
    assert signal.getsignal(getattr(signal, name)) == before


@pytest.mark.parametrize("name", sorted(EXIT_CODES))
def test_the_exit_code_and_a_line_say_which(name, monkeypatch, capsys):
    def interrupted(_: object) -> int:
        signal.raise_signal(getattr(signal, name))
        raise AssertionError("goes on")

    monkeypatch.setattr("cnn_cli.cli._hydra", interrupted)
    assert main(["dataset=digits"]) == EXIT_CODES[name]
    assert capsys.readouterr().err == f"cnn-train: stopped by {name}\n"
