"""Folding: fewer files, the same answers, and nothing that a later batch or stream trips over."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tactful.jobs.errors import StepFailed
from tactful.jobs.lake import folding, scratch
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.store import Part
from tactful.schemas.identity import LABELS
from tests import worlds
from tests.faults.partner import assert_every_record_is_in_one_file, shop_with_a_partner
from tests.faults.test_kills import kill_behind
from tests.product import Shop

SEED = 31


@pytest.mark.parametrize(
    "is_large",
    [
        pytest.param(False, id="folded"),
        pytest.param(True, id="put together", marks=pytest.mark.faults),
    ],
)
def test_a_folded_lake_goes_on(spark, tmp_path: Path, monkeypatch, is_large: bool) -> None:
    """The second batch reads and appends to logs that were rewritten behind the first.

    All is published from files, as of a large lake, where a killed run left some.
    """
    monkeypatch.setattr(scratch, "LARGE_BYTES", 0)
    if is_large:
        monkeypatch.setattr(folding, "SMALL_BYTES", 0)
    shop = Shop(worlds.make(SEED), tmp_path)
    lake = Lake(spark, str(shop.lake))
    left = shop.lake / scratch.FOLDER / "0"
    left.mkdir(parents=True)
    (left / "part-0.parquet").write_text("what a killed run left")
    for batch in worlds.split(shop.world, 2, seed=SEED):
        shop.land(batch)
        shop.decide()
        assert folding.fold_logs(lake, after=1)
    shop.publish()
    assert not (shop.lake / scratch.FOLDER).exists()
    # The publication's own rows.
    assert {*folding.fold_logs(lake, after=1)} <= {"_log/ticks", "customers_daily", "batches"}
    assert folding.fold_logs(lake, after=1) == [], "what was just rewritten is left alone"
    for name, key in (("links", "link_id"), ("labels", "identifier_key")):
        table = DeltaTable(str(shop.lake / "_log" / name))
        assert len(table.file_uris()) == 1
        assert is_large or table.to_pandas()[key].is_unique


def test_a_log_that_has_doubled_is_folded(spark, tmp_path: Path, monkeypatch) -> None:
    """As long as most of it is what was folded before, it is not rewritten for the rest."""
    monkeypatch.setattr(folding, "SMALL_BYTES", 0)
    lake = Shop(worlds.make(SEED), tmp_path).empty_lake(spark)
    dice, lengths = random.Random(SEED), []
    for batch in range(6):
        rows = [
            {"identifier_key": f"k{n}", "person_id": f"p_{dice.random()}", "batch_id": batch}
            for n in range(5000 if batch == 0 else 2000)
        ]
        frame = LABELS.conform(small_frame(spark, rows, LABELS.struct()))
        lake.store.append(LABELS, Part(frame.toArrow(), "app", batch))
        folding.fold_logs(lake, after=1)
        lengths.append(lake.store.read(LABELS).count())
    assert lengths[:4] == [5000, 7000, 9000, 5000]


def test_a_batch_looks_at_one_table(spark, tmp_path: Path, monkeypatch) -> None:
    lake = Shop(worlds.make(SEED), tmp_path).empty_lake(spark)
    looked: list[str] = []
    monkeypatch.setattr(folding, "_fold", lambda lake, table, *_: looked.append(table.id))
    for batch in range(2 * folding.APPENDS):
        folding.fold_in_turn(lake, batch)
    assert looked == [table.id for table in (*folding.TURNS, *folding.TURNS)]


def test_a_log_made_anew_is_not_taken_for_the_old_one(spark, tmp_path: Path) -> None:
    """What is remembered of a removed table's versions would keep the new one from being folded."""
    shop = Shop(worlds.make(SEED), tmp_path)
    lake = shop.empty_lake(spark)
    for key in ("old", "new"):
        label = [{"identifier_key": key, "person_id": "p", "batch_id": 0}]
        frame = LABELS.conform(small_frame(spark, label, LABELS.struct()))
        lake.store.append(LABELS, Part(frame.toArrow()))
        assert folding.fold_logs(lake, after=1) == [LABELS.id]
        assert [row.identifier_key for row in lake.store.read(LABELS).collect()] == [key]
        lake.remove(LABELS)
        lake.create(shop.config())


@pytest.mark.faults
def test_what_a_half_done_batch_reads_stays(spark, tmp_path: Path) -> None:
    """G2: all logs are folded behind a batch that was killed; its repeat reads what it read."""
    shop = shop_with_a_partner(SEED, tmp_path)
    for batch in worlds.split(shop.world, 2, seed=SEED):
        shop.land(batch)
        with pytest.raises(StepFailed):
            shop.run(hook=kill_behind("fused", 4))
        assert folding.fold_logs(Lake(spark, str(shop.lake)), after=1)
        shop.run()
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)
