"""Labelled on the executors, a shard at a time: the same rows as at once on the driver."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.errors import StepFailed
from tactful.jobs.identity import shards
from tactful.jobs.identity.shards import are_more
from tactful.jobs.lake.scratch import FOLDER
from tactful.schemas.identity import IDENTITY_CHANGES, LABELS, LINKS, SEEN
from tactful.schemas.intake import BATCHES
from tactful.schemas.suppressions import DUE
from tactful.transforms.identity.sharing import SHARINGS
from tests.faults.faulty import FaultyShop
from tests.faults.test_kills import Killed
from tests.jobs.test_gather import AS_OF, CONFIG, Stitching
from tests.product import Shop

WRITTEN = (LINKS, LABELS, DUE, IDENTITY_CHANGES)
KINDS = {"1": "customer_id", "2": "email", "9": "anonymous_id"}
# Groups of identifiers that have nothing to do with one another, but for a few.
GROUPS, EACH = 24, 4
# Two shards for what is small, and one each for what holds more than ten.
SHARD = 640
IDENTITY: dict[str, Any] = {
    "max_links": 3,
    "max_devices": 8,
    "types": {"anonymous_id": {"window": "100m"}},
}


def key(name: str) -> str:
    return name.encode().hex().ljust(32, "0")


def event(name: str, kind: str, ids: set[str], minutes: int, *, junk: bool) -> dict[str, Any]:
    blocked = ["f" * 32] if junk else []
    ordered = sorted(ids)
    return {
        "event_id": name, "type": kind, "occurred_at": AS_OF - timedelta(minutes=minutes),
        "identifier_keys": [key(name) for name in ordered],
        "identifier_types": [KINDS[name[0]] for name in ordered],
        "blocked_keys": blocked, "blocked_types": ["email"] * len(blocked),
    }  # fmt: skip


def world(seed: int, number: int, events: int) -> list[dict[str, Any]]:
    """Households, shared devices, hubs, words by hand about what was seen and what was not."""
    dice = random.Random(f"{seed} {number}")
    told = []
    for n in range(events):
        group = dice.randrange(GROUPS)
        names = [f"{kind}-{group:03}-{n}" for kind in KINDS for n in range(EACH)]
        ids = set(dice.sample(names, dice.choice([1, 2, 2, 3])))
        if dice.random() < 0.05:
            ids.add(f"9-{dice.randrange(GROUPS):03}-0")
        if dice.random() < 0.08:
            ids.add(dice.choice(["2-hub", "9-till"]))
        at, junk = dice.randrange(200), dice.random() < 0.1
        told.append(event(f"{number}-{n:04}", "page_view", ids, at, junk=junk))
    for n in range(events // 4):
        groups = [dice.randrange(GROUPS + 1) for _ in range(2)]
        ids = {f"{dice.choice('129')}-{group:03}-{dice.randrange(EACH)}" for group in groups}
        if dice.random() < 0.2:
            ids = {*list(ids)[:1], "2-hub"}
        if len(ids) == 2:
            kind = dice.choice(["always_link", "never_link", "link_withdrawn"])
            told.append(event(f"{number}-w{n:04}", kind, ids, dice.randrange(200), junk=False))
    return told


def lakes(spark, folder, sharing: str, kind: type[Shop] = Shop) -> tuple[Stitching, Stitching]:
    """One whose backlogs are labelled on the driver, and one where that may hold one identifier.

    kind: what kind of store the second lies on.
    """
    config = {**CONFIG, "identity": {**CONFIG["identity"], **IDENTITY, "shared_devices": sharing}}
    bound = {**config, "lake": {**config.get("lake", {}), "driver_identifiers": 1}}
    return Stitching(spark, folder / "once", config), Stitching(
        spark, folder / "shards", bound, kind
    )


def assert_same_rows(once: Stitching, in_shards: Stitching) -> None:
    for table in WRITTEN:
        expected, found = (sorted(map(str, lake.rows(table))) for lake in (once, in_shards))
        assert found == expected, table.id


@pytest.mark.parametrize(
    ("seed", "sharing", "kind"),
    [
        # Who has more than one machine can hold has it on a store that machines share.
        (1, "neutral", FaultyShop),
        *(
            pytest.param(seed, sharing, Shop, marks=pytest.mark.faults)
            for seed in (2, 3)
            for sharing in SHARINGS
        ),
    ],
)
def test_in_shards_as_at_once(
    spark, tmp_path, monkeypatch, seed: int, sharing: str, kind: type[Shop]
) -> None:
    """From nothing, and again from what is known then: every row of every log."""
    monkeypatch.setattr(shards, "SHARD_IDENTIFIERS", SHARD)
    once, in_shards = lakes(spark, tmp_path, sharing, kind)
    for number, events in enumerate((160, 60)):
        for lake in (once, in_shards):
            lake.accept(world(seed, number, events))
            lake.gather()
        assert_same_rows(once, in_shards)
    states = {row["state"] for row in once.rows(LABELS)}
    assert states >= {"linked", "hub", "blocked"} | ({"neutral"} if sharing == "neutral" else set())
    changes = once.rows(IDENTITY_CHANGES)
    assert {row["kind"] for row in changes} == {"merge", "split"}
    assert {row["rule"] for row in changes} > {"linked", "kept_apart"}, "words did some of it"
    assert any(row["to_person_id"] is None for row in changes)
    assert once.rows(DUE)
    assert not in_shards.lake.store.exists(f"{in_shards.lake.location}/{FOLDER}")


def test_the_driver_does_what_it_may_hold(spark, tmp_path) -> None:
    lake = Stitching(spark, tmp_path / "lake")
    lake.accept(world(1, 0, 40))
    lake.gather()
    links = lake.lake.store.read(LINKS)
    sets = [row["identifier_keys"] for row in lake.rows(LINKS) if row["kind"] == SEEN]
    keys = {key for held in sets for key in held}
    assert are_more(links, len(keys) - 10)
    assert not are_more(links, len(keys) + 10), "though all sets together hold more"
    assert not are_more(links, 10**6)


@pytest.mark.faults
def test_killed_behind_each_commit_it_is_made_once(spark, tmp_path, monkeypatch) -> None:
    """Each try goes a commit further, on the way that was begun, whatever is allowed by then."""
    monkeypatch.setattr(shards, "SHARD_IDENTIFIERS", SHARD)
    whole, killed = lakes(spark, tmp_path, "neutral")
    bound = killed.config
    free = bound.model_copy(update={"lake": whole.config.lake})
    for number, events in enumerate((60, 40)):
        met: list[str] = []

        def hook(query: str, k: int, table: str, met: list[str] = met) -> None:
            if table not in met:
                met.append(table)
                raise Killed(f"behind {table}")

        for lake in (whole, killed):
            lake.accept(world(4, number, events))
        whole.gather()
        killed.config = bound
        while True:
            try:
                killed.gather(hook)
                break
            except Killed:
                killed.config = free
        changed = [IDENTITY_CHANGES.id] if number else []
        assert met == [LINKS.id, LABELS.id, DUE.id, *changed, BATCHES.id]
        assert_same_rows(whole, killed)
    assert len(killed.rows(BATCHES)) == 2


def test_what_is_lost_on_the_way_is_an_error(spark, tmp_path, monkeypatch) -> None:
    """Components that came apart would be persons that came apart: nothing of it is written."""
    _, in_shards = lakes(spark, tmp_path, "neutral")
    monkeypatch.setattr(shards, "SHARD_IDENTIFIERS", 20)
    monkeypatch.setattr(shards, "connected", lambda pairs, keep: none_joined(pairs))
    in_shards.accept(world(1, 0, 40))
    with pytest.raises(StepFailed, match="came into two shards"):
        in_shards.gather()
    assert in_shards.rows(LABELS) == []


def none_joined(pairs: DataFrame) -> DataFrame:
    nodes = pairs.select("one").union(pairs.select("other")).distinct().toDF("node")
    return nodes.withColumn("component", F.col("node"))
