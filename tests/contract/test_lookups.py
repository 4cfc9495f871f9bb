"""Look-ups: DuckDB on the local disk and Spark anywhere answer the same questions alike."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tactful.jobs.lake import local_logs, lookups
from tactful.jobs.lake.frames import materialise, small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.local_store import LocalStore
from tactful.jobs.lake.lookups import fold
from tactful.jobs.lake.spark_store import SparkStore
from tactful.jobs.lake.store import Logs, Part, Store
from tactful.jobs.runs.batches import Batch
from tactful.schemas.identity import IDENTIFIERS, LABELS, LINKS, SEEN
from tactful.schemas.intake import QUARANTINE
from tactful.schemas.records import MEMBERSHIPS
from tactful.schemas.table import Table
from tactful.schemas.timeline import TIMELINE_LOG
from tactful.schemas.words import NEVER
from tests import worlds
from tests.faults.faulty import SCHEME, faulty_disk
from tests.product import Shop

START = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = [f"k{n:02d}" for n in range(30)]
HERE, BY_SPARK = "here", "by Spark"
LOOKED_UP = (LABELS, LINKS, MEMBERSHIPS, IDENTIFIERS, TIMELINE_LOG)


def event_ref(dice: random.Random) -> dict[str, Any]:
    at = START + timedelta(seconds=dice.randrange(10**6))
    return {"occurred_at": at, "stream": "clicks", "event_id": f"e{dice.randrange(10**6)}"}


def label(dice: random.Random, key: str, batch: int) -> dict[str, Any]:
    return {
        "identifier_key": key,
        "identifier_type": "email",
        "component_key": dice.choice(KEYS),
        "person_id": f"p_{dice.choice(KEYS)}",
        "state": dice.choice(["linked", "linked", "hub", "blocked"]),
        "is_minted": True,
        "first_seen_at": START,
        "last_seen_at": START + timedelta(microseconds=dice.randrange(10**12)),
        "batch_id": batch,
    }


def link(dice: random.Random, batch: int) -> dict[str, Any]:
    held, kind = dice.sample(KEYS, 2), dice.choice([None, SEEN, NEVER])
    first, last = sorted((event_ref(dice), event_ref(dice)), key=lambda s: s["occurred_at"])
    return {
        "link_id": "-".join((kind or SEEN, *held)),
        "kind": kind,
        "identifier_keys": held,
        "identifier_types": ["email", "email"],
        "blocked_keys": [],
        "blocked_types": [],
        "first_seen": first,
        "last_seen": last,
        "batch_id": batch,
    }


def member(dice: random.Random, key: str, batch: int) -> dict[str, Any]:
    return {
        "destination": "meta", "audience": "a", "identifier_key": key,
        "member_key": f"m{dice.randrange(5)}", "is_member": dice.random() < 0.5, "batch_id": batch,
    }  # fmt: skip


def raw(key: str) -> dict[str, Any]:
    return {"identifier_key": key, "identifier_type": "email", "value": f"{key}@example.org"}


def event(dice: random.Random, batch: int, number: int) -> dict[str, Any]:
    """An event of a message, a consent, or a visit that names the message that led there."""
    kind, stream = dice.choice(
        [
            ("message", "messages"),
            ("consent", "messages"),
            ("consent", "profiles"),
            ("browse", "clicks"),
        ]
    )
    return {
        "event_class": kind, "stream": stream, "type": "any", "event_id": f"e{batch}-{number}",
        "occurred_at": START + timedelta(microseconds=dice.randrange(10**12)), "line_number": 0,
        "message_id": f"m{dice.randrange(6)}", "skus": dice.choice([None, [], ["jeans"]]),
        "identifier_keys": dice.sample(KEYS, dice.randrange(3)),
    }  # fmt: skip


def rows_of_batch(dice: random.Random, batch: int) -> dict[Table, list[dict[str, Any]]]:
    """What a batch says in the logs in which its newest word of a key stands."""
    return {
        LABELS: [label(dice, key, batch) for key in dice.sample(KEYS, 12)],
        LINKS: [link(dice, batch) for _ in range(6)],
        MEMBERSHIPS: [member(dice, key, batch) for key in dice.sample(KEYS, 8)],
    }


def logs_of(store: Store, *, batch: int) -> Logs:
    """The logs as a batch sees them that begins now."""
    pins = {table.id: store.version(table) for table in LOOKED_UP}
    return store.logs(pins, batch=batch, keep=materialise)


@pytest.fixture
def lake(request, spark, tmp_path: Path) -> Lake:
    """Four batches of random rows; the lake's folder has a name that wants care."""
    place = tmp_path / "it's a lake, Ä"
    place.mkdir()
    made = Shop(worlds.make(3), place).empty_lake(spark)
    dice = random.Random(5)
    for batch in range(4):
        told: dict[Table, list[dict[str, Any]]] = {
            **rows_of_batch(dice, batch),
            IDENTIFIERS: [raw(key) for key in KEYS[batch * 7 : batch * 7 + 7]],
            TIMELINE_LOG: [event(dice, batch, number) for number in range(12)],
        }
        for table, rows in told.items():
            frame = table.conform(small_frame(spark, rows, table.struct()))
            if getattr(request, "param", HERE) is HERE:
                made.store.append(table, Part(frame.toArrow(), f"app/{table.id}", batch))
            else:
                frame.write.format("delta").mode("append").save(made.store.path(table))
    return made


def told(rows: Any) -> list[str]:
    """The rows in an order of their own."""
    table = rows if isinstance(rows, pa.Table) else rows.toArrow()
    return sorted(str(sorted(row.items())) for row in table.to_pylist())


@pytest.mark.parametrize(
    ("lake", "few"),
    [(HERE, local_logs.FEW), (BY_SPARK, 0)],
    indirect=["lake"],
    ids=["written here, few", "written by Spark, many"],
)
def test_both_look_up_alike(lake: Lake, monkeypatch, few: int) -> None:
    monkeypatch.setattr(local_logs, "FEW", few)
    if not few:
        monkeypatch.setattr(local_logs, "LARGE_BYTES", 0)
    spark = lake.spark
    elsewhere = SparkStore(spark, f"file:{lake.location}")
    local, shared = (logs_of(store, batch=4) for store in (lake.store, elsewhere))
    try:
        for keys in (["never seen"], KEYS[:3], KEYS):
            asked = spark.createDataFrame(pa.table({"identifier_key": keys}))
            links = small_frame(spark, [link(random.Random(9), 4)], LINKS.struct()).toArrow()
            pairs = [
                (logs.touched_labels(pa.array(keys)), logs.touching(pa.array(keys), links))
                for logs in (local, shared)
            ]
            assert told(pairs[0][0]) == told(pairs[1][0])
            assert told(pairs[0][1]) == told(pairs[1][1])
            for name in ("labels_of", "identifiers", "memberships"):
                found = [getattr(logs, name)(asked, count=len(keys)) for logs in (local, shared)]
                assert found[0].schema.simpleString() == found[1].schema.simpleString()
                assert told(found[0]) == told(found[1]), name
        for names in (["never seen"], ["m1", "m4", "m5"]):
            asked = spark.createDataFrame(pa.table({"message_id": names}))
            found = [logs.messages(asked, count=len(names)) for logs in (local, shared)]
            assert found[0].schema.simpleString() == found[1].schema.simpleString()
            assert told(found[0]) == told(found[1])
        assert {(row.stream, row.event_class) for row in found[0].collect()} == {
            ("messages", "message"), ("messages", "consent"),
        }  # fmt: skip
        values = spark.createDataFrame(pa.table({"member_key": ["m1", "m4"]}))
        assert told(local.memberships(values, count=2)) == told(shared.memberships(values, count=2))
        forms = [raw(KEYS[3]), {**raw(KEYS[4]), "identifier_type": "phone"}, raw("never seen")]
        told_now = small_frame(spark, forms, IDENTIFIERS.struct())
        new = [told(logs.new_identifiers(told_now)) for logs in (local, shared)]
        assert new[0] == new[1] == told(pa.Table.from_pylist(forms[1:]))
        assert len(pairs[0][0]) > len(KEYS) / 2
        for logs in (local, shared):
            for rows in (pairs[0][0], pairs[0][0].slice(0, 0)):
                assert told(logs.held(rows)) == told(logs.frame(rows)) == told(rows)
        hubs = [sorted(logs.hubs().to_pylist()) for logs in (local, shared)]
        assert hubs[0] == hubs[1] != []
    finally:
        local.release()


def test_news_are_sets_that_are_new_or_seen_earlier_or_later(lake: Lake) -> None:
    elsewhere = SparkStore(lake.spark, f"file:{lake.location}")
    none = small_frame(lake.spark, [], LINKS.struct()).toArrow()
    for store in (lake.store, elsewhere):
        logs = logs_of(store, batch=4)
        try:
            known = logs.touching(pa.array(KEYS), none).sort_by("link_id").to_pylist()
            assert logs.news_of(pa.Table.from_pylist(known, none.schema)).num_rows == 0
            for row, place, by in ((known[1], "first_seen", -1), (known[3], "last_seen", 1)):
                at = row[place]["occurred_at"] + timedelta(microseconds=by)
                row[place] = {**row[place], "occurred_at": at}
            known[4]["first_seen"] = {**known[4]["first_seen"], "event_id": ""}
            known[5]["link_id"] = "never seen"
            news = logs.news_of(pa.Table.from_pylist(known, none.schema)).to_pylist()
            names = sorted(row["link_id"] for row in news)
            assert names == sorted(known[n]["link_id"] for n in (1, 3, 4, 5))
            assert all(row in known for row in news)
        finally:
            logs.release()


def test_a_batch_sees_the_version_it_is_pinned_to(lake: Lake) -> None:
    pins = {LABELS.id: lake.store.version(LABELS) - 1}
    asked = lake.spark.createDataFrame(pa.table({"identifier_key": KEYS}))
    for store in (lake.store, SparkStore(lake.spark, f"file:{lake.location}")):
        logs = store.logs(pins, batch=3, keep=materialise)
        try:
            seen = logs.labels_of(asked, count=len(KEYS))
            assert seen.agg({"batch_id": "max"}).first()[0] == 2
        finally:
            logs.release()


def test_both_go_on_alike_across_a_fold_and_a_copy_in_memory(
    spark, tmp_path: Path, monkeypatch
) -> None:
    """Logs are folded and put together between batches, and what Spark holds of them is made anew.

    The disk elsewhere is, for Spark, the one that fails on request.
    """
    monkeypatch.setattr(lookups, "REFOLD_EVERY", 2)
    disk = faulty_disk(spark, shorten=[])
    here = Shop(worlds.make(3), tmp_path).empty_lake(spark).store
    assert isinstance(here, LocalStore)
    elsewhere = SparkStore(spark, f"{SCHEME}://{here.location}")
    dice, asked = random.Random(7), pa.table({"identifier_key": KEYS[::2]})
    try:
        for batch in range(4):
            answers = []
            for store in (here, elsewhere):
                logs = logs_of(store, batch=batch)
                keys = spark.createDataFrame(asked)
                links = small_frame(spark, [], LINKS.struct()).toArrow()
                answers.append(
                    [
                        told(logs.touched_labels(asked["identifier_key"].combine_chunks())),
                        told(logs.touching(asked["identifier_key"].combine_chunks(), links)),
                        told(logs.memberships(keys, count=len(asked))),
                    ]
                )
                logs.release()
            assert answers[0] == answers[1], batch
            assert batch == 0 or all(answers[0])
            # One store writes, then the other, as where a lake was moved.
            store = (here, elsewhere)[batch % 2]
            for table, rows in rows_of_batch(dice, batch).items():
                frame = table.conform(small_frame(spark, rows, table.struct()))
                store.append(table, Part(frame.toArrow(), f"app/{table.id}", batch))
                if batch == 1:
                    store.overwrite(table, table.conform(fold(table, store.read(table))))
                if batch == 2:
                    store.compact(table, up_to=2**20)
    finally:
        elsewhere.release()
        disk.forget()


def test_rows_with_nothing_in_their_lists_are_written(spark, tmp_path: Path) -> None:
    """Java leaves out the buffers of a list without elements; Rust once ended the process there."""
    made = Shop(worlds.make(3), tmp_path).empty_lake(spark)
    row = {"stream": "clicks", "source_name": "web", "raw": "{}", "reasons": []}
    frame = QUARANTINE.conform(small_frame(spark, [row], QUARANTINE.struct()))
    made.store.append(QUARANTINE, Part(frame.toArrow(), "app", 0))
    made.store.append(QUARANTINE, Part(frame.toArrow(), "app", 0))
    assert [r.reasons for r in made.store.read(QUARANTINE).collect()] == [[]]


def test_spark_goes_on_from_what_was_written_here(spark, tmp_path: Path) -> None:
    """Past a checkpoint of the log: its rows are there, and so are its transactions."""
    made = Shop(worlds.make(3), tmp_path).empty_lake(spark)
    row = small_frame(spark, [raw("k1")], IDENTIFIERS.struct())
    for batch in range(25):
        made.store.append(IDENTIFIERS, Part(row.toArrow(), "tactful/fused/g/identifiers", batch))
    log = Path(made.store.path(IDENTIFIERS)) / "_delta_log"
    assert list(log.glob("*.checkpoint*.parquet"))
    assert made.store.read(IDENTIFIERS).count() == 25
    for batch, rows in ((24, 25), (25, 26)):
        Batch(made, "fused", "g", batch, {}).commit({IDENTIFIERS: row})
        assert made.store.read(IDENTIFIERS).count() == rows
