"""Stopping a run for ever: once asked it finishes its round, asked twice it breaks it off."""

from __future__ import annotations

import os
import signal

import pytest

from tactful.jobs.runs.stopping import asked_to_stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_once_it_finishes_and_asked_twice_it_ends(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    told: list[str] = []
    with asked_to_stop(told.append) as asked:
        assert not asked.is_set()
        os.kill(os.getpid(), number)
        assert asked.wait(5)
        assert told == ["stopping after this round"]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before
