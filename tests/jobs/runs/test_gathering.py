"""A long backlog is linked and labelled before its batches, which then know who is who."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tactful.jobs import accept, fused, stitch
from tactful.jobs.errors import ConfigurationChanged
from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs import backlog
from tactful.jobs.runs.batches import FUSED, GATHER, last_done, read_pins
from tactful.jobs.runs.pipeline import run
from tactful.schemas.identity import IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.intake import BATCHES
from tactful.schemas.table import Table
from tests import worlds
from tests.faults.test_kills import Killed
from tests.product import Shop
from tests.properties.test_convergence import DESTINATIONS

SEED = 41


def shop_of(seed: int, folder: Path) -> Shop:
    world = worlds.make(seed)
    return Shop(replace(world, config={**world.config, "destinations": DESTINATIONS}), folder)


def accepted(shop: Shop, parts: int, *, begin: int = 0, end: int | None = None) -> None:
    """Land and accept some parts of the world, each in files of its own."""
    for part in worlds.split(shop.world, parts, seed=SEED)[begin:end]:
        shop.land(part)
        shop.run(steps=("land", "accept"))


@pytest.fixture
def long_at(monkeypatch) -> Callable[[int], None]:
    """Sets from how many rows on a backlog is long; each of its files is a batch."""

    def set_to(rows: int) -> None:
        monkeypatch.setattr(backlog, "BACKLOG_ROWS", rows)
        monkeypatch.setattr(backlog, "BACKLOG_SHARE", 0)

    monkeypatch.setattr(fused, "STREAM_FILES", 1)
    return set_to


def rows(shop: Shop, table: Table, *names: str) -> list[tuple]:
    found = DeltaTable(str(shop.lake / table.path)).to_pyarrow_table(columns=list(names))
    return [tuple(row[name] for name in names) for row in found.to_pylist()]


@pytest.mark.faults
def test_batches_of_a_gathered_backlog_stitch_nothing(spark, tmp_path, long_at, monkeypatch):
    """And the lake is the oracle's, though events wait for their time."""
    shop = shop_of(SEED, tmp_path)
    first, second = worlds.split(shop.world, 2, seed=SEED)
    shop.land(first)
    shop.run(steps=("land",))
    shop.land(second)
    # What landed first is a batch, and what landed then: two files of each stream come of it.
    monkeypatch.setattr(accept, "BATCH_FILES", 1)
    monkeypatch.setattr(stitch, "relabel", None)
    long_at(1)
    shop.run()
    lake = Lake(None, str(shop.lake))
    assert last_done(lake, GATHER) == 0
    assert lake.batches_before(FUSED) == 1, "numbers of batches begin behind what was gathered"
    for batch in (0, 1):
        assert read_pins(lake, FUSED, batch)["gathered"]["number"] == 0, "one of the backlog's"
    numbers = {number for (number,) in rows(shop, LINKS, "batch_id")}
    assert numbers == {0}, "no batch wrote a set that was known"
    shop.assert_converged()


@pytest.mark.faults
def test_a_later_backlog_changes_who_was_who(spark, tmp_path, long_at):
    """Persons that were known grow together or come apart, and destinations hear of it.

    What has waited for its time is stitched when that comes, by a batch like any other.
    """
    # What comes behind its first third makes one of four persons who were two, and parts others.
    shop = shop_of(SEED + 6, tmp_path)
    long_at(10**9)
    accepted(shop, 3, end=1)
    shop.run()
    lake = Lake(None, str(shop.lake))
    assert last_done(lake, GATHER) == -1
    accepted(shop, 3, begin=1)
    long_at(1)
    begun = last_done(lake, FUSED)
    shop.run()
    assert last_done(lake, GATHER) == 0
    assert last_done(lake, FUSED) >= begun + 2
    assert {kind for (kind,) in rows(shop, IDENTITY_CHANGES, "kind")} >= {"merge"}
    shop.assert_converged()
    later = shop.world.as_of + timedelta(days=3)
    shop.run(as_of=later)
    assert last_done(lake, GATHER) == 0, "nothing came that was not gathered"
    assert read_pins(lake, FUSED, last_done(lake, FUSED))["gathered"] is None
    shop.assert_converged(later)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(60, 66))
@pytest.mark.parametrize("known", [0, 1, 2])
def test_any_backlog_behind_any_batches(spark, tmp_path, long_at, seed: int, known: int):
    shop = shop_of(seed, tmp_path)
    long_at(10**9)
    accepted(shop, 4, end=known)
    shop.run()
    accepted(shop, 4, begin=known)
    long_at(1)
    shop.run()
    assert last_done(Lake(None, str(shop.lake)), GATHER) == 0
    shop.assert_converged()


@pytest.mark.faults
def test_killed_behind_each_commit_of_what_is_gathered(spark, tmp_path, long_at):
    """Each try goes a commit further; none is made twice, and another rule has to wait."""
    shop = shop_of(SEED + 2, tmp_path)
    long_at(10**9)
    accepted(shop, 3, end=1)
    shop.run()
    accepted(shop, 3, begin=1)
    long_at(1)
    met: list[str] = []

    def hook(query: str, k: int, table: str) -> None:
        if query == GATHER and table not in met:
            met.append(table)
            raise Killed(f"behind {table}")

    while True:
        tries = len(met)
        try:
            shop.run(hook=hook)
        except Killed:
            assert len(met) == tries + 1
            with pytest.raises(ConfigurationChanged, match="begun under another configuration"):
                run(shop.config(attribution={"window": "37d"}), as_of=shop.world.as_of)
            continue
        break
    assert met == [LINKS.id, LABELS.id, IDENTITY_CHANGES.id, BATCHES.id]
    number = read_pins(Lake(None, str(shop.lake)), GATHER, 0)["number"]
    for table, names in ((LINKS, ("link_id",)), (LABELS, ("identifier_key",))):
        mine = [row for row in rows(shop, table, *names, "batch_id") if row[-1] == number]
        assert mine and len(mine) == len(set(mine)), table.id
    shop.assert_converged()
