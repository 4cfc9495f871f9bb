"""G2: wherever a run changes the disk the disk may fail, and the next run goes on from there.

Each run ends at the first create, rename or delete of a kind that never failed before, so a chain
of runs fails once at each of them, in the midst of what the failure before has left behind. After
the last the tables are the oracle's and every record lies in one file. The lake is not on the
local file system here, so these are the ways of an object store, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tactful.jobs.errors import TactfulError
from tests import worlds
from tests.faults.faulty import EACH_KIND, EACH_PLACE, FaultyShop, faulty_disk
from tests.faults.partner import (
    assert_every_record_is_in_one_file,
    assert_partner_knows_the_buyers,
    shop_with_a_partner,
)

SEED = 11
MOST_RUNS = 600  # a chain that makes no progress must end


def fail_everywhere(shop: FaultyShop, disk: Any, mode: str) -> list[str]:
    """Run again and again, each time failing where no run failed before; where they failed."""
    places: list[str] = []
    while len(places) < MOST_RUNS:
        disk.arm(mode)
        try:
            shop.run()
        except Exception as error:
            if disk.diedAt() is None:
                raise AssertionError(f"After {places[-1:]} no run comes through") from error
            if isinstance(error, TactfulError):
                assert error.exit_code == 1, error
        if disk.diedAt() is None:
            disk.disarm()
            return places
        places.append(disk.diedAt())
    raise AssertionError(f"Still new places to fail at after {MOST_RUNS} runs: {places[-3:]}")


def assert_as_if_nothing_had_failed(shop: FaultyShop) -> None:
    shop.run()
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)
    assert_partner_knows_the_buyers(shop)


@pytest.mark.faults
def test_a_disk_that_dies_at_each_kind_of_change(spark, tmp_path: Path) -> None:
    """As `kill -9` there: nothing changes any more until the next run."""
    disk = faulty_disk(spark, shorten=EACH_KIND)
    shop = shop_with_a_partner(SEED, tmp_path, FaultyShop)
    shop.land_all(1)
    places = fail_everywhere(shop, disk, "dead")
    for kind in ("_delta_log/N.json", "offsets/N", "commits/N", "pins/N.json", "outbox/FILE"):
        assert any(kind in place for place in places), f"nothing failed at {kind}: {places}"
    assert_as_if_nothing_had_failed(shop)


@pytest.mark.faults
@pytest.mark.parametrize("mode", ["dead", "once", "deaf", "full", "refuse"])
def test_a_disk_that_fails_at_each_change_of_each_table(spark, tmp_path: Path, mode: str) -> None:
    """Dead from there on; a failure that passes; a change never confirmed; a disk that is full;
    one that only answers that it did not, as HDFS does."""
    disk = faulty_disk(spark, shorten=EACH_PLACE)
    shop = shop_with_a_partner(SEED, tmp_path, FaultyShop)
    first, second = worlds.split(shop.world, 2, seed=SEED)
    shop.land(first)
    fail_everywhere(shop, disk, mode)
    shop.land(second)
    fail_everywhere(shop, disk, mode)
    print(f"\n{mode}: {disk.met()} places, {disk.operations()} changes of the disk in all")
    assert_as_if_nothing_had_failed(shop)
