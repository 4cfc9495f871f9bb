"""Traps of streams and transactions that others fell into, each shown and then avoided."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tactful.jobs.errors import CheckpointMismatch, LakeError
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.runs import batches
from tactful.jobs.runs.batches import (
    Batch,
    checkpoint_to_start_from,
    pins_path,
    refuse_lost_offsets,
)
from tactful.schemas.intake import TICKS
from tactful.schemas.suppressions import DUE
from tests import worlds
from tests.product import Shop

SEED = 41
DUE_ROW = {"anchor_key": "k", "due_at": worlds.AS_OF, "batch_id": 0}


@pytest.fixture
def lake(spark, tmp_path: Path) -> Lake:
    return Shop(worlds.make(SEED), tmp_path).empty_lake(spark)


def batch_of(
    lake: Lake, *, generation: str = "g1", batch_id: int = 0, is_small: bool = False
) -> Batch:
    return Batch(lake, "fused", generation, batch_id, {}, is_small=is_small)


def rows(lake: Lake, table) -> int:
    return DeltaTable(lake.store.path(table)).to_pyarrow_table().num_rows


@pytest.mark.parametrize("ways", [(False, False), (True, True), (False, True), (True, False)])
def test_a_repeated_commit_writes_once_and_a_new_checkpoint_writes_again(
    lake: Lake, ways: tuple[bool, bool]
) -> None:
    """Two tables of one batch have transactions of their own; a new generation is not ignored.

    Spark and this process write the same transactions: either knows what the other has written.
    """
    tick = {
        "tick_id": "t", "as_of": worlds.AS_OF, "configuration_hash": "c", "software_version": "v",
    }  # fmt: skip
    outputs = {
        DUE: small_frame(lake.spark, [DUE_ROW], DUE.struct()),
        TICKS: small_frame(lake.spark, [tick], TICKS.struct()),
    }
    for is_small in ways:
        batch_of(lake, is_small=is_small).commit(outputs)
    assert (rows(lake, DUE), rows(lake, TICKS)) == (1, 1)
    batch_of(lake, generation="g2", is_small=ways[0]).commit(outputs)
    assert (rows(lake, DUE), rows(lake, TICKS)) == (2, 2)
    set_on_session = [k for k in ("txnAppId", "txnVersion") if _setting(lake, k) is not None]
    assert not set_on_session, "a setting left behind would swallow later writes silently"


def _setting(lake: Lake, name: str) -> str | None:
    return lake.spark.conf.get(f"spark.databricks.delta.write.{name}", None)


@pytest.mark.parametrize("is_small", [False, True])
def test_an_empty_output_commits_nothing(lake: Lake, is_small: bool) -> None:
    before = lake.store.version(DUE)
    batch_of(lake, is_small=is_small).commit({DUE: small_frame(lake.spark, [], DUE.struct())})
    assert lake.store.version(DUE) == before


def test_a_repeated_batch_reads_what_it_read_first(lake: Lake) -> None:
    """What others append after a batch was pinned is not there for it."""
    batch_of(lake).commit({DUE: small_frame(lake.spark, [DUE_ROW], DUE.struct())})
    pinned = Batch(lake, "fused", "g1", 1, {DUE.id: lake.store.version(DUE)})
    batch_of(lake, batch_id=2).commit({DUE: small_frame(lake.spark, [DUE_ROW], DUE.struct())})
    assert (pinned.read(DUE).count(), rows(lake, DUE)) == (1, 2)


def test_pins_of_batches_long_done_do_not_pile_up(lake: Lake, monkeypatch) -> None:
    """A run for ever makes thousands of them a day; the newest and the one before are kept."""
    monkeypatch.setattr(batches, "KEPT_PINS", 3)
    for batch in range(7):
        pins, _ = batches.pin(lake, "accept", batch, (DUE,), "c")
        batches.save_pins(lake, "accept", pins)
    kept = lake.store.names(lake.beside_checkpoint("accept", "pins"))
    assert kept == [f"{batch:012d}.json" for batch in (4, 5, 6)]
    assert batches.last_begun(lake, "accept") == 6


def test_one_run_at_a_time(spark, tmp_path: Path) -> None:
    shop = Shop(worlds.make(SEED), tmp_path)
    with LocalFiles(str(shop.lake)).locked(), pytest.raises(LakeError, match="Another run holds"):
        shop.run()


def test_a_lost_or_foreign_lake_is_noticed(spark, lake: Lake, tmp_path: Path) -> None:
    """An old outbox or a checkpoint that this lake did not make stops a run before it writes."""
    config = Shop(worlds.make(SEED), tmp_path).config()
    state = Path(lake.location) / "_lake.json"
    kept = state.read_text()
    state.unlink()
    outbox = Path(lake.outbox("meta"))
    outbox.mkdir(parents=True)
    (outbox / "fused-000000000-00000-add.json").write_text("{}")
    with pytest.raises(LakeError, match="holds the files of a lake that is no longer there"):
        lake.check(config)
    state.write_text(kept)
    offsets = Path(lake.checkpoint("fused"), "offsets")
    offsets.mkdir(parents=True)
    (offsets / "0").touch()
    with pytest.raises(CheckpointMismatch, match="was not made by this lake"):
        lake.generation("fused")
    state.unlink()
    with pytest.raises(LakeError, match=r"but not its _lake\.json: put that file back"):
        lake.check(config)
    state.write_text(json.dumps({**json.loads(kept), "format_version": 1}))
    with pytest.raises(LakeError, match="start a new lake"):
        lake.check(config)


def test_a_folder_without_an_offset_is_no_checkpoint(lake: Lake) -> None:
    """What Spark writes late of a query that has ended must not stand in a new one's way."""
    late = Path(lake.checkpoint("fused")) / "state" / "0" / "0" / "3.zip"
    late.parent.mkdir(parents=True)
    late.touch()
    assert lake.generation("fused") == lake.generation("fused")
    assert checkpoint_to_start_from(lake, "fused") == lake.checkpoint("fused")
    assert not late.exists()


def test_lost_offsets_are_noticed(lake: Lake) -> None:
    """A number that is used again would be ignored by Delta, with everything written under it."""
    offsets = Path(lake.checkpoint("fused")) / "offsets"
    offsets.mkdir(parents=True)
    for batch in (0, 1):
        refuse_lost_offsets(lake, "fused")
        (offsets / str(batch)).touch()
        lake.store.write_text(pins_path(lake, "fused", batch), "{}")
    refuse_lost_offsets(lake, "fused")
    (offsets / "1").unlink()
    with pytest.raises(CheckpointMismatch, match="has lost offsets"):
        refuse_lost_offsets(lake, "fused")


@pytest.mark.faults
def test_another_number_of_partitions_changes_nothing(spark, tmp_path: Path) -> None:
    """State is parted as it was when the checkpoint began, whatever a session says later."""
    setting = "spark.sql.shuffle.partitions"
    usual = spark.conf.get(setting)
    shop = Shop(worlds.make(SEED), tmp_path)
    try:
        for number, batch in zip(
            ("2", "5", "1"), worlds.split(shop.world, 3, seed=SEED), strict=True
        ):
            spark.conf.set(setting, number)
            shop.land(batch)
            shop.run()
    finally:
        spark.conf.set(setting, usual)
    shop.assert_converged()
