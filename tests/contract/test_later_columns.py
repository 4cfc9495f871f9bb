"""A lake gets the columns that were thought of after it was made, and keeps what it held."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest

from tactful.jobs.identity.manual import seen, words
from tactful.jobs.lake.frames import materialise, small_frame
from tactful.jobs.lake.local_store import LocalStore
from tactful.jobs.lake.spark_store import SparkStore
from tactful.jobs.lake.store import Part
from tactful.schemas.identity import LINKS, SEEN
from tactful.schemas.outcomes import OUTCOMES
from tactful.schemas.records import MEMBERSHIPS
from tactful.schemas.words import NEVER

LATER = [column.name for column in MEMBERSHIPS.columns if column.is_later]


@pytest.mark.parametrize("kind", [LocalStore, SparkStore])
def test_a_lake_of_before_goes_on(spark, tmp_path: Path, kind: type[SparkStore]) -> None:
    store = kind(spark, str(tmp_path))
    then = {"destination": "google", "audience": "a", "identifier_key": "k1", "member_key": "m",
            "is_member": True, "batch_id": 0}  # fmt: skip
    row = small_frame(spark, [then], MEMBERSHIPS.struct()).toArrow().drop_columns(LATER)
    deltalake.write_deltalake(store.path(MEMBERSHIPS), row)
    pinned = store.version(MEMBERSHIPS)
    for _ in range(2):
        store.create(MEMBERSHIPS, properties={})
    assert set(store.read(MEMBERSHIPS).columns) == set(MEMBERSHIPS.names)
    now = {**then, "identifier_key": "k2", "is_withheld": True, "batch_id": 1}
    fresh = MEMBERSHIPS.conform(small_frame(spark, [now], MEMBERSHIPS.struct())).toArrow()
    store.append(MEMBERSHIPS, Part(fresh, "app", 1))
    keys = spark.createDataFrame(pa.table({"member_key": ["m"]}))
    found = {}
    for version in (pinned, store.version(MEMBERSHIPS)):
        logs = store.logs({MEMBERSHIPS.id: version}, batch=2, keep=materialise)
        rows = logs.memberships(keys, count=1).collect()
        found[version] = sorted((r.identifier_key, r.is_member, r.is_withheld) for r in rows)
        logs.release()
    # A batch that was begun before sees the table as it was then.
    old, new = ("k1", True, None), ("k2", True, True)
    assert list(found.values()) == [[old], [old, new]]


@pytest.mark.parametrize("kind", [LocalStore, SparkStore])
def test_links_of_before_were_seen(spark, tmp_path: Path, kind: type[SparkStore]) -> None:
    store = kind(spark, str(tmp_path))
    ref = {"occurred_at": datetime(2026, 1, 1, tzinfo=UTC), "stream": "clicks", "event_id": "e"}
    then = {
        "link_id": "a", "identifier_keys": ["k1", "k2"], "identifier_types": ["email", "phone"],
        "blocked_keys": [], "blocked_types": [], "first_seen": ref, "last_seen": ref, "batch_id": 0,
    }  # fmt: skip
    row = small_frame(spark, [then], LINKS.struct()).toArrow().drop_columns(["kind"])
    deltalake.write_deltalake(store.path(LINKS), row)
    pinned = store.version(LINKS)
    store.create(LINKS, properties={})
    now = [{**then, "kind": SEEN, "batch_id": 1}, {**then, "link_id": "b", "kind": NEVER}]
    fresh = LINKS.conform(small_frame(spark, now, LINKS.struct())).toArrow()
    store.append(LINKS, Part(fresh, "app", 1))
    found = []
    for version in (pinned, store.version(LINKS)):
        logs = store.logs({LINKS.id: version}, batch=2, keep=materialise)
        sets = logs.touching(pa.array(["k1"]), fresh.slice(0, 0))
        found.append((seen(sets)["link_id"].to_pylist(), words(sets)["kind"].to_pylist()))
        logs.release()
    assert found == [(["a"], []), (["a"], [NEVER])]


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize("kind", [LocalStore, SparkStore])
def test_what_is_made_anew_takes_its_new_shape(
    spark, tmp_path: Path, kind: type[SparkStore], few: bool
) -> None:
    """A published table of before, whose orders told less, is written over as it is now."""
    store = kind(spark, str(tmp_path))
    orders = replace(OUTCOMES.column("orders"), type="array<struct<order_id:string>>")
    told_less = [orders if c.name == "orders" else c for c in OUTCOMES.columns]
    store.create(replace(OUTCOMES, columns=tuple(told_less)), properties={})
    store.create(OUTCOMES, properties={})
    order = {"order_id": "o", "touch": "click"}
    sent_at = datetime(2026, 1, 1, tzinfo=UTC)
    now = {"message_id": "m", "sent_at": sent_at, "orders": [order]}
    for _ in range(2):
        rows = OUTCOMES.conform(small_frame(spark, [now], OUTCOMES.struct()))
        store.overwrite(OUTCOMES, store.collected(rows, few=few))
    made = deltalake.DeltaTable(store.path(OUTCOMES))
    assert made.schema().to_json() == deltalake.Schema.from_json(OUTCOMES.struct().json()).to_json()
    (row,) = made.to_pyarrow_table().to_pylist()
    assert row["orders"][0]["touch"] == "click"
