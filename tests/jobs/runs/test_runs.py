"""Runs of every kind: by the clock, again from the beginning, from Parquet, with another seed."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tactful.jobs.demo.command import demo_config
from tactful.jobs.demo.world import UNTIL, generate
from tactful.jobs.runs import pipeline
from tactful.jobs.runs.replay import replay
from tactful.jobs.settings.config import load
from tactful.schemas.catalog import TABLES
from tactful.schemas.intake import RECEIVED
from tactful.schemas.table import Table
from tests import worlds
from tests.product import Shop

SEED = 24
# Drawn at random so that no two lakes can be taken for each other, or made of the lake's place.
DRAWN = {"generation", "tick_id", "configuration_hash"}


@pytest.mark.faults
def test_runs_for_ever_then_starts_over_under_another_rule(
    spark, tmp_path: Path, monkeypatch
) -> None:
    """What lands while the queries run is taken in; replay draws every conclusion again.

    A source with a file that cannot be read is told once, lands all else, and stops nobody.
    """
    shop = Shop(worlds.make(SEED), tmp_path)
    early, late = worlds.split(shop.world, 2, seed=SEED)
    shop.land(early)
    lost = tmp_path / "landing" / "web" / "lost.json"
    lost.symlink_to(tmp_path / "nowhere")
    said: list[str] = []
    ticks, tick = [], pipeline.tick

    def tick_and_land(lake, config, as_of) -> None:
        """In the first round more lands; in the second, which takes it in, the run is stopped."""
        ticks.append(as_of)
        if len(ticks) == 1:
            shop.land(late)
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        tick(lake, config, as_of)

    began = datetime.now(UTC)
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "tick", tick_and_land)
        stopped = pipeline.run(
            shop.config(), continuous=timedelta(milliseconds=1), on_progress=said.append
        )
    assert len(ticks) == 2
    assert "identity" in stopped.published
    assert list(stopped.failed_sources) == ["web"] and str(lost) in stopped.failed_sources["web"]
    assert said.count(stopped.failed_sources["web"]) == 1
    lost.unlink()
    as_of = datetime.fromisoformat(stopped.as_of)
    assert began < as_of <= datetime.now(UTC), "the clock of a run for ever is the machine's"
    # What all sources bring is one commit, if it was all there when the round began.
    received = DeltaTable(str(shop.lake / RECEIVED.path))
    assert stopped.read_rows == received.count() > stopped.accepted_rows > 0
    commits = received.history()
    written = sum("WRITE" in c["operation"] or "UPDATE" in c["operation"] for c in commits)
    assert 2 <= written <= 4 < len(shop.config().sources)
    shop.run(as_of=as_of)
    shop.assert_converged(as_of=as_of)

    changed = shop.conf.read_text().replace("max_links = ", "max_links = 1 #")
    shop.conf.write_text(changed)
    replay(shop.config(), from_table="received", as_of=shop.world.as_of)
    shop.assert_converged()


@pytest.mark.faults
def test_parquet_lands_like_json(spark, tmp_path: Path) -> None:
    """The same order, once as a line of JSON and once as a row of Parquet."""
    at = datetime(2026, 3, 2, 10, 0, 0, 123456, tzinfo=UTC)
    told: dict[str, Any] = {
        "event_id": "o1", "type": "order_placed", "occurred_at": at.isoformat(),
        "order_id": "A", "currency": "EUR", "place": "online", "coupons": ["SPRING"],
        "identifiers": [{"type": "email", "value": "Ann@Example.com"}],
        "lines": [{"line_id": "1", "sku": "S1", "quantity": 2, "amount": 10.25}],
        "till": "new field",
    }  # fmt: skip
    for source in ("json", "parquet"):
        (tmp_path / source).mkdir()
    (tmp_path / "json" / "1.json").write_text(json.dumps(told) + "\n")
    os.utime(tmp_path / "json" / "1.json", (time.time() - 60,) * 2)
    row = {**told, "event_id": "o2", "occurred_at": at}
    broken = {**row, "event_id": "o3", "order_id": None}
    pq.write_table(pa.Table.from_pylist([row, broken]), tmp_path / "parquet" / "1.parquet")
    (tmp_path / "conf.toml").write_text(
        f'[lake]\nlocation = "{tmp_path}/lake"\nsecret = "env:TACTFUL_SECRET"\n'
        + "".join(
            f'[sources.{s}]\nstream = "purchases"\nformat = "{s}"\npath = "{tmp_path}/{s}"\n'
            for s in ("json", "parquet")
        )
    )
    pipeline.run(load(tmp_path / "conf.toml"), as_of=at, steps=("land", "accept"))
    rows = DeltaTable(str(tmp_path / "lake" / "purchases")).to_pyarrow_table().to_pylist()
    one, two = sorted(rows, key=lambda r: r["event_id"])
    for name in ("event_id", "event_hash", "payload_hash", "ingested_at"):
        assert one.pop(name) != two.pop(name)
    assert one == two
    assert (one["occurred_at"], one["properties"]) == (at, [("till", "new field")])
    (refused,) = DeltaTable(str(tmp_path / "lake" / "quarantine")).to_pyarrow_table().to_pylist()
    assert refused["reasons"] == ["missing:order_id"]
    assert refused["source_position"]["file"].endswith("parquet/1.parquet")


@pytest.mark.faults
def test_one_seed_gives_the_same_tables_twice(spark, tmp_path: Path) -> None:
    """Two demos of a few households; what the clock of the machine says is left aside."""
    tables = [_demo(spark, tmp_path / name) for name in ("one", "two")]
    for name, rows in tables[0].items():
        assert rows == tables[1][name], name
    full = {name for name, rows in tables[0].items() if rows}
    assert full >= {"identity", "timeline", "outcomes", "customers", "suppressions", "records"}


def _demo(spark, folder: Path) -> dict[str, list[str]]:
    generate(spark, folder=folder, seed=SEED, households=15)
    pipeline.run(demo_config(folder, seed=SEED), as_of=UNTIL)
    return {table.path: _rows(folder / table.path, table) for table in TABLES.values()}


def _rows(place: Path, table: Table) -> list[str]:
    """The table's rows in one order, without what differs from run to run."""
    kept = [name for name in table.comparable() if name not in DRAWN]
    rows = DeltaTable(str(place)).to_pyarrow_table(columns=kept).to_pylist()
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)
