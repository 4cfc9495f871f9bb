"""What batches append does not grow for ever: what is done is folded away, what counts stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from tactful.jobs import fused
from tactful.jobs.lake import folding
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.store import Part
from tactful.jobs.runs.batches import decided_until, last_done
from tactful.schemas.intake import FILES
from tactful.schemas.records import DROPPED
from tactful.schemas.suppressions import DUE
from tactful.schemas.table import Table
from tests import worlds
from tests.faults.partner import shop_with_a_partner
from tests.product import Shop

SEED = 31
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(worlds.make(SEED), tmp_path)


def append(lake: Lake, table: Table, *batches: list[dict[str, Any]]) -> None:
    for number, rows in enumerate(batches):
        rows = [{**row, "batch_id": number} for row in rows]
        frame = table.conform(small_frame(lake.spark, rows, table.struct()))
        lake.store.append(table, Part(frame.toArrow(), "app", number))


def held(lake: Lake, table: Table, *names: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row[name] for name in names) for row in lake.store.read(table).collect())


def due(key: str, hours: int) -> dict[str, Any]:
    return {"anchor_key": key, "due_at": NOON + timedelta(hours=hours)}


def test_what_fell_due_is_done_and_what_is_ahead_stays_once(spark, shop) -> None:
    lake = shop.empty_lake(spark)
    append(lake, DUE, [due("a", -5), due("a", 0), due("b", 1)], [due("b", 1), due("a", 2)])
    assert DUE.id in folding.fold_logs(lake, decided=NOON, after=1)
    moments = [(key, at.astimezone(UTC), n) for key, at, n in held(lake, DUE, *DUE.names)]
    assert [(key, n) for key, at, n in moments] == [("a", 1), ("b", 1)]


def test_nothing_that_is_due_is_lost_where_no_batch_has_a_clock_yet(spark, shop) -> None:
    lake = shop.empty_lake(spark)
    append(lake, DUE, [due("a", -5)], [due("a", -5)])
    folding.fold_logs(lake, after=1)
    assert held(lake, DUE, "anchor_key", "batch_id") == [("a", 1)]


def test_of_a_dropped_identifier_the_newest_reason_stays(spark, shop) -> None:
    lake = shop.empty_lake(spark)
    row = {"destination": "d", "identifier_key": "k", "identifier_type": "email"}
    append(
        lake, DROPPED,
        [{**row, "reason": "invalid"}, {**row, "destination": "e", "reason": "invalid"}],
        [{**row, "reason": "bounced"}],
    )  # fmt: skip
    assert DROPPED.id in folding.fold_logs(lake, after=1)
    assert held(lake, DROPPED, "destination", "identifier_key", "reason") == [
        ("d", "k", "bounced"),
        ("e", "k", "invalid"),
    ]


def test_landed_files_are_remembered_in_few_files(spark, shop) -> None:
    """A row for each file that ever landed, since it never lands again; but not a file a batch."""
    lake = shop.empty_lake(spark)
    for number in range(5):
        row = {
            "source_name": "web", "path": f"/in/{number}", "modified_at": NOON, "size_bytes": 1,
            "state": "landed", "reason": None, "batch_id": number, "landed_at": NOON,
        }  # fmt: skip
        frame = FILES.conform(small_frame(spark, [row], FILES.struct()))
        lake.store.append(FILES, Part(frame.toArrow(), "app", number))
    folding.fold_logs(lake, after=1)
    assert len(DeltaTable(lake.store.path(FILES)).file_uris()) == 1
    asked = [("web", f"/in/{number}") for number in range(6)]
    assert lake.store.unknown(FILES, asked) == {("web", "/in/5")}


@pytest.mark.faults
def test_a_lake_of_which_all_that_was_due_went_decides_as_before(spark, tmp_path, monkeypatch):
    """The clock moves between runs; at each end only what is ahead is still there."""
    monkeypatch.setitem(folding.fold_logs.__kwdefaults__, "after", 1)
    shop = shop_with_a_partner(SEED, tmp_path)
    lake, seen = Lake(spark, str(shop.lake)), 0
    for days, batch in zip((2, 0), worlds.split(shop.world, 2, seed=SEED), strict=True):
        shop.land(batch)
        now = shop.world.as_of - timedelta(days=days)
        shop.run(as_of=now)
        assert decided_until(lake, fused.QUERY, last_done(lake, fused.QUERY)) == now
        moments = [at.astimezone(UTC) for (at,) in held(lake, DUE, "due_at")]
        assert all(at > now for at in moments)
        seen += len(moments)
    assert seen, "something is always ahead"
    shop.assert_converged()
