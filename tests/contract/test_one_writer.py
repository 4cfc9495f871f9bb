"""One writer at a time, on every store: the lease, and what it is made of."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tactful.jobs.errors import LakeHeld
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.store import Store


def test_one_run_holds_a_lake(store: Store) -> None:
    assert store.holder() is None
    other = Lake(store.spark, store.location).store
    with store.locked():
        store.confirm()
        assert f"process {os.getpid()}" in other.holder().who
        with pytest.raises(LakeHeld, match="Another run holds the lake at"), other.locked():
            raise AssertionError("two hold it")
    assert store.holder() is None
    with other.locked():
        pass


def test_of_many_who_make_a_file_at_once_just_one_does(store: Store) -> None:
    """A lease is nothing else."""
    place, start = f"{store.location}/_lease/1.json", Barrier(6)

    def make(number: int) -> bool:
        start.wait()
        return store.create_text(place, str(number))

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(make, range(6)))
    assert made.count(True) == 1
    assert store.read_text(place) == str(made.index(True))
    assert store.written_at(place) is not None
    assert store.written_at(f"{place}.gone") is None


def test_a_small_file_is_changed_only_by_who_has_seen_it(store: Store) -> None:
    place = f"{store.location}/_lake.json"
    assert not store.swap_text(place, "seen", "new")
    assert store.swap_text(place, None, "0")
    assert not store.swap_text(place, None, "new")

    def count(_: int) -> None:
        for _ in range(5):
            while not store.swap_text(
                place, before := store.read_text(place), f"{int(before) + 1}"
            ):
                pass

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(count, range(3)))
    assert store.read_text(place) == "15"
