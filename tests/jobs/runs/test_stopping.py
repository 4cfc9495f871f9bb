"""Stopping a run for ever: once asked it finishes its round, asked twice it breaks it off."""

from __future__ import annotations

import os
import signal

import pytest

from tactful.jobs.runs import asked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_once_it_finishes_and_asked_twice_it_ends(
    number: signal.Signals, monkeypatch
) -> None:
    before = signal.getsignal(number)
    told: list[str] = []
    with asked.asked_to_stop(told.append) as event:
        assert not event.is_set()
        os.kill(os.getpid(), number)
        assert event.wait(5)
        assert told == ["stopping after this round"]
        os.kill(os.getpid(), number)  # to the whole group, and by way of Spark
        monkeypatch.setattr(asked, "AT_ONCE", 0.0)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before
