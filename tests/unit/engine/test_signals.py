"""Signals are noted once; the second acts as it always did."""

import os
import signal

import pytest

from cnn_cli.engine.signals import EXIT_CODES, Interrupts


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
