"""Landing: what all sources bring is one commit, killed anywhere it comes out once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pyspark.sql import functions as F

from tactful.jobs import land
from tactful.jobs.intake import landing_files
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.listing import walked
from tactful.jobs.land import Met, NotCommitted
from tactful.schemas.events import STREAMS
from tactful.schemas.intake import FILES, RECEIVED
from tests import worlds
from tests.landing import Batch, as_line
from tests.product import Shop

SEED = 3


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def shop(spark, tmp_path: Path) -> Shop:
    return Shop(worlds.make(SEED), tmp_path)


@pytest.fixture
def lake(spark, shop: Shop) -> Lake:
    return shop.empty_lake(spark)


def landed(lake: Lake, *, told: bool = True) -> dict[str, int]:
    """How many rows of each file are in the lake; each file is told once, and none but these.

    A signal of consent that a row carries is an event of its own, and none of the file's rows.
    """
    carried = rf"^({'|'.join(STREAMS)})/.*/"
    is_signal = F.coalesce(F.col("event_id").rlike(carried), F.lit(False))
    own = lake.store.read(RECEIVED).where(~is_signal)
    rows = own.groupBy("source_position.file").count().collect()
    counted = {unquote(row.file).removeprefix("file:"): row["count"] for row in rows}
    paths = [row.path for row in lake.store.read(FILES).collect()]
    assert sorted(paths) == sorted(counted if told else [])
    return counted


def count(batch: Batch) -> int:
    """How many rows a batch lands; blank lines are none, and SendGrid has several on a line."""
    return sum(
        _events(line) if source == "esp" else 1
        for source, rows in batch.items()
        for row in rows
        for line in as_line(row).split(b"\n")
        if line.strip()
    )


def _events(line: bytes) -> int:
    try:
        told = json.loads(line)
    except ValueError:
        return 1
    return max(1, len(told)) if isinstance(told, list) else 1


def test_killed_behind_each_step_a_batch_lands_once(shop: Shop, lake: Lake, monkeypatch) -> None:
    def killed(*_: Any) -> None:
        raise Killed

    def behind(place: str) -> Any:
        return lambda step, k, table: killed() if table == place else None

    config = shop.config()
    early, late = worlds.split(shop.world, 2, seed=SEED)
    shop.land(early)
    rows = count(early)
    before = lake.store.version(RECEIVED)
    with monkeypatch.context() as patch:
        patch.setattr(land, "_read", killed)
        failed = land.land(lake, config)
        assert failed.keys() == early.keys() and "Query land_web failed" in failed["web"]
    assert landed(lake) == {}
    with pytest.raises(NotCommitted):
        land.land(lake, config, hook=behind(RECEIVED.id))
    assert sum(landed(lake, told=False).values()) == rows
    # Its rows have landed; that the file is gone now does not undo it.
    gone = walked(config.source_path("web")).files[0]
    Path(gone.path).unlink()
    shop.land(late)
    with pytest.raises(NotCommitted):
        land.land(lake, config, hook=behind(FILES.id))
    assert gone.path in {row.path for row in lake.store.read(FILES).collect()}
    assert land.land(lake, config) == {}
    once = landed(lake)
    assert sum(once.values()) == rows + count(late)
    # All sources of a round share a commit: one for those that came early, one for the late.
    assert lake.store.version(RECEIVED) == before + 2
    assert land.land(lake, config) == {}
    assert landed(lake) == once


def test_a_lost_checkpoint_lands_nothing_twice(shop: Shop, lake: Lake) -> None:
    config, met = shop.config(), Met()
    early, late = worlds.split(shop.world, 2, seed=SEED)
    shop.land(early)
    assert land.land(lake, config, met) == {}
    once = landed(lake)
    shutil.rmtree(Path(lake.location) / "_checkpoints" / "land_web")
    shutil.rmtree(Path(lake.location) / "_checkpoints" / "land_till" / "pins")
    assert land.land(lake, config) == {}
    assert landed(lake) == once
    shop.land(late)
    assert land.land(lake, config, met) == {}
    later = landed(lake)
    assert {path: later[path] for path in once} == once
    assert sum(later.values()) > sum(once.values())


def test_a_round_too_large_for_this_process_is_written_by_spark(
    shop: Shop, lake: Lake, monkeypatch
) -> None:
    monkeypatch.setattr(land, "SMALL_BYTES", 1)
    monkeypatch.setattr(land, "MOST_FILES", 2)
    for batch in worlds.split(shop.world, 3, seed=SEED):
        shop.land(batch)
    config, before = shop.config(), lake.store.version(RECEIVED)
    assert land.land(lake, config) == {}
    written = lake.store.version(RECEIVED) - before
    assert written > len(config.sources), "two files of a source at a time"
    sizes = {name: len(walked(config.source_path(name)).files) for name in config.sources}
    told = [row.source_name for row in lake.store.read(FILES).collect()]
    assert {name: told.count(name) for name in sizes} == sizes


def test_what_is_taken_away_before_it_is_read_is_no_error(spark, tmp_path: Path) -> None:
    (tmp_path / "here.json").write_text('{"a": 1}\n')
    (tmp_path / "gone.json").write_text('{"a": 2}\n')
    files = walked(str(tmp_path)).files
    (tmp_path / "gone.json").unlink()
    seen: list[Any] = []
    outcome = landing_files.read_files(
        spark, files, lambda rows: seen.extend(rows.collect()), form="json", folder=str(tmp_path)
    )
    assert [row.value for row in seen] == ['{"a": 1}']
    assert outcome == landing_files.Outcome(gone={str(tmp_path / "gone.json")})
    nothing = landing_files.read_files(
        spark, [files[0]], seen.extend, form="json", folder=str(tmp_path)
    )
    assert nothing == outcome
