"""What is gathered before a backlog's batches: labels and links as batches make them, and once."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.errors import ConfigurationChanged
from tactful.jobs.gather import gather, gather_if_long
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.runs import backlog, may_run
from tactful.jobs.runs.batches import (
    FUSED,
    GATHER,
    Batch,
    Gathered,
    last_done,
    read_pins,
    save_done,
)
from tactful.jobs.stitch import Stitched, stitch
from tactful.schemas.events import STREAMS
from tactful.schemas.identity import IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.intake import BATCHES
from tactful.schemas.suppressions import DUE
from tactful.schemas.table import Table
from tests import worlds
from tests.faults.faulty import SCHEME
from tests.faults.test_kills import Killed
from tests.product import Shop

CLICKS = STREAMS["clicks"]
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
WRITTEN = (LINKS, LABELS, IDENTITY_CHANGES)
KINDS = {"1": "customer_id", "2": "email", "9": "anonymous_id"}
# Links of a cookie end, though none does here; a shared one is nobody's.
CONFIG = {
    **worlds.make(3).config,
    "identity": {"phone_region": "US", "types": {"anonymous_id": {"window": "2d"}}},
}
NAMES = [f"{kind}{n}" for kind in KINDS for n in range(9)]


def events_of(seed: int, number: int, count: int) -> list[dict[str, Any]]:
    """Events of a few identifiers, some shared by many; one lies behind the clock."""
    dice, told = random.Random(f"{seed} {number}"), []
    for n in range(count):
        names = sorted(dice.sample(NAMES, dice.choice([1, 2, 2, 3])))
        told.append(event(f"{number}-{n}", names, dice.randrange(200), dice.random() < 0.2))
    return [*told, event(f"{number}-late", NAMES[:2], -60, False)]


def event(name: str, names: Sequence[str], minutes: int, is_with_junk: bool) -> dict[str, Any]:
    junk = ["f" * 32] if is_with_junk else []
    return {
        "event_id": name, "type": "page_view", "occurred_at": AS_OF - timedelta(minutes=minutes),
        "identifier_keys": [name.encode().hex().ljust(32, "0") for name in names],
        "identifier_types": [KINDS[name[0]] for name in names],
        "blocked_keys": junk, "blocked_types": ["email"] * len(junk),
    }  # fmt: skip


class Stitching:
    """A lake with nothing but clicks, in which backlogs are gathered or batches stitched."""

    def __init__(
        self, spark, folder: Path, config: Mapping[str, Any] = CONFIG, kind: type[Shop] = Shop
    ) -> None:
        folder.mkdir()
        shop = kind(replace(worlds.make(3), config=config), folder)
        self.lake, self.config = shop.empty_lake(spark), shop.config()
        self.changed = shop.config(attribution={"window": "37d"})
        self.lake.remember(as_of=AS_OF.isoformat())

    def accept(self, rows: list[dict[str, Any]]) -> DataFrame:
        frame = CLICKS.conform(small_frame(self.lake.spark, rows, CLICKS.struct()))
        self.lake.store.append_by_spark(CLICKS, frame)
        seen = frame.withColumn("stream", F.lit("clicks"))
        return seen.where(F.col("occurred_at") <= F.lit(AS_OF))

    def gather(self, hook=None) -> Gathered:
        gather(self.lake, self.config, "g", hook)
        noted = read_pins(self.lake, GATHER, last_done(self.lake, GATHER))
        return Gathered(**noted["since"])

    def stitch(self, events: DataFrame, gathered: Gathered | None = None) -> dict[str, Any]:
        """Stitch a batch and commit it. Returns what later steps are told of it."""
        pins = {table.id: self.lake.store.version(table) for table in WRITTEN}
        number, before = last_done(self.lake, FUSED) + 1, self.lake.batches_before(FUSED)
        batch = Batch(
            self.lake, FUSED, "g", number, pins, as_of=AS_OF, before=before, gathered=gathered
        )
        try:
            hubs = batch.logs.hubs()
            found = stitch(batch, events, self.config.identity, hubs=hubs)
            rows = {LINKS: found.links, LABELS: found.labels, IDENTITY_CHANGES: found.changes}
            batch.commit(rows)
            self.has_read_everything(number)
            return told(found, batch.number)
        finally:
            batch.release()

    def has_read_everything(self, number: int) -> None:
        """Leave what Spark leaves behind a batch that has read all streams to their ends."""
        ends = [self.lake.store.version(table) + 1 for table in STREAMS.values()]
        lines = [
            json.dumps({"reservoirVersion": end, "index": -1, "isStartingVersion": False})
            for end in ends
        ]
        log = f"{self.lake.checkpoint(FUSED)}/offsets/{number}"
        self.lake.store.write_text(log, "\n".join(["v1", "{}", *lines]))
        save_done(self.lake, FUSED, number)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        here = self.lake.store.path(table).removeprefix(f"{SCHEME}://")
        return DeltaTable(here).to_pyarrow_table().to_pylist()

    def newest(self, table: Table, key: str) -> dict[str, Any]:
        """What was said last of each key, without the number of the batch."""
        rows = sorted(self.rows(table), key=lambda row: row["batch_id"])
        return {row[key]: {k: v for k, v in row.items() if k != "batch_id"} for row in rows}

    def links(self) -> set[tuple]:
        """Every set with its first and last event."""
        spans: dict[str, list] = {}
        for row in self.rows(LINKS):
            seen = spans.setdefault(row["link_id"], [row["first_seen"], row["last_seen"]])
            seen[0] = min(seen[0], row["first_seen"], key=order)
            seen[1] = max(seen[1], row["last_seen"], key=order)
        return {(name, order(first), order(last)) for name, (first, last) in spans.items()}


def order(ref: dict[str, Any]) -> tuple:
    return tuple(ref.values())


def told(found: Stitched, number: int) -> dict[str, Any]:
    """What a batch changed, in a form that is compared."""
    sets = [
        (tuple(row["identifier_keys"]), row["batch_id"] == number)
        for row in found.sets_in_doubt.to_pylist()
    ]
    return {
        "affected": sorted(map(str, found.affected.collect())),
        "moved": sorted(map(tuple, found.moved.collect())),
        "persons": sorted(map(tuple, found.persons.collect())),
        "sets_in_doubt": sorted(sets),
        **{
            name: sorted(getattr(found, name).to_pylist())
            for name in ("restated", "renewed", "hubs", "nobodys", "beside")
        },
        "has": (found.has_moves, found.has_hubs),
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_batch_of_what_was_gathered_tells_what_it_would_have_told(spark, tmp_path, seed) -> None:
    """From nothing, and again from what is known then: the same for later steps, and no new row."""
    plain, bulk = (Stitching(spark, tmp_path / name) for name in ("plain", "bulk"))
    for number, count in enumerate((14, 10)):
        rows = events_of(seed, number, count)
        expected = plain.stitch(plain.accept(rows))
        events = bulk.accept(rows)
        gathered = bulk.gather()
        before = [len(bulk.rows(table)) for table in WRITTEN]
        assert bulk.newest(LABELS, "identifier_key") == plain.newest(LABELS, "identifier_key")
        assert bulk.links() == plain.links()
        assert bulk.stitch(events, gathered) == expected
        assert [len(bulk.rows(table)) for table in WRITTEN] == before
    changes = [
        sorted(str([row[n] for n in ("kind", "from_person_id", "to_person_id")]) for row in rows)
        for rows in (plain.rows(IDENTITY_CHANGES), bulk.rows(IDENTITY_CHANGES))
    ]
    assert changes[0] == changes[1] != []


def test_in_several_batches_all_is_told_that_one_would_have_told(spark, tmp_path) -> None:
    """Each identifier that is another's now, or shared now, is told of by some batch."""
    plain, bulk = (Stitching(spark, tmp_path / name) for name in ("plain", "bulk"))
    first, second = events_of(7, 0, 14), events_of(7, 1, 18)
    plain.stitch(plain.accept(first))
    bulk.stitch(bulk.accept(first))
    expected = plain.stitch(plain.accept(second))
    parts = [bulk.accept(part) for part in (second[:6], second[6:12], second[12:])]
    gathered = bulk.gather()
    found = [bulk.stitch(part, gathered) for part in parts]
    assert expected["moved"] and expected["restated"]
    for name in ("moved", "restated", "renewed", "persons"):
        # Only the last of several rows says what stands; each of them was true by then.
        assert set(expected[name]) <= {row for told in found for row in told[name]}, name
    assert {key for told in found for key in told["nobodys"]} >= set(expected["nobodys"])
    assert bulk.newest(LABELS, "identifier_key") == plain.newest(LABELS, "identifier_key")


def test_killed_behind_each_commit_it_is_made_once(spark, tmp_path) -> None:
    """A lake where each try goes one commit further is one where nothing was killed."""
    whole, killed = (Stitching(spark, tmp_path / name) for name in ("whole", "killed"))
    for number, count in enumerate((14, 10)):
        rows, met = events_of(1, number, count), []

        def hook(query: str, k: int, table: str, met: list[str] = met) -> None:
            if table not in met:
                met.append(table)
                raise Killed(f"behind {table}")

        for lake in (whole, killed):
            lake.accept(rows)
        whole.gather()
        while True:
            try:
                killed.gather(hook)
                break
            except Killed:
                with pytest.raises(ConfigurationChanged, match="begun under another"):
                    may_run.refuse_lake(killed.lake, killed.changed)
        changed = [IDENTITY_CHANGES.id] if number else []
        assert met == [LINKS.id, LABELS.id, DUE.id, *changed, BATCHES.id]
        assert whole.lake.batches_before(FUSED) == killed.lake.batches_before(FUSED) == number + 1
        for table in WRITTEN:
            ours, theirs = (sorted(map(str, lake.rows(table))) for lake in (whole, killed))
            assert ours == theirs, table.id
    assert len(killed.rows(BATCHES)) == 2


def test_a_backlog_is_long_by_what_is_unread_and_not_gathered(spark, tmp_path, monkeypatch) -> None:
    lake = Stitching(spark, tmp_path / "lake")
    monkeypatch.setattr(backlog, "BACKLOG_ROWS", 10)
    assert not backlog.is_long(lake.lake)
    lake.accept(events_of(1, 0, 5))
    assert not backlog.is_long(lake.lake), "six rows"
    lake.accept(events_of(1, 1, 5))
    assert backlog.is_long(lake.lake)
    gather_if_long(lake.lake, lake.config, "g", None)
    assert last_done(lake.lake, GATHER) == 0
    assert not backlog.is_long(lake.lake), "all of it was gathered"
    lake.accept(events_of(1, 2, 8))
    assert not backlog.is_long(lake.lake), "nine rows since"
    lake.accept(events_of(1, 3, 1))
    assert not backlog.is_long(lake.lake), "eleven, of twenty-three: gathering reads them all"
    lake.accept(events_of(1, 4, 1))
    assert backlog.is_long(lake.lake), "thirteen of twenty-five"
