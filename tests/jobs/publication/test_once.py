"""What several threads ask for at once is worked out once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from tactful.jobs.publication.once import once


class Frames:
    def __init__(self) -> None:
        self.worked: list[str] = []
        self.may_end = Event()

    @once
    def first(self) -> str:
        """The first."""
        self.worked.append("first")
        assert self.may_end.wait(10)
        return "first"

    @once
    def second(self) -> str:
        self.worked.append("second")
        return f"{self.first} and second"

    @once
    def broken(self) -> str:
        self.worked.append("broken")
        raise ValueError("not today")


def test_two_threads_that_ask_at_once_get_what_one_worked_out() -> None:
    frames, both = Frames(), Barrier(3)

    def ask(name: str) -> str:
        both.wait(10)
        return getattr(frames, name)

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask, name) for name in ("first", "second")]
        both.wait(10)
        frames.may_end.set()
        assert [one.result(10) for one in asked] == ["first", "first and second"]
    assert sorted(frames.worked) == ["first", "second"]


def test_what_is_known_is_not_worked_out() -> None:
    frames = Frames()
    frames.__dict__["first"] = "given"
    assert frames.second == "given and second"
    assert frames.worked == ["second"]


def test_each_object_has_its_own() -> None:
    one, other = Frames(), Frames()
    one.may_end.set()
    other.may_end.set()
    assert one.first == other.first
    assert (one.worked, other.worked) == (["first"], ["first"])


def test_what_failed_is_tried_again() -> None:
    frames = Frames()
    for _ in range(2):
        with pytest.raises(ValueError, match="not today"):
            _ = frames.broken
    assert frames.worked == ["broken", "broken"]


def test_it_keeps_what_it_says_of_itself() -> None:
    assert Frames.first.__doc__ == "The first."
