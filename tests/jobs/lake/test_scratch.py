"""A large lake is published from files, which a killed run may have left behind."""

from __future__ import annotations

from pathlib import Path

from tactful.jobs.lake import scratch
from tests import worlds
from tests.product import Shop


def test_a_large_lake_is_published_from_files(spark, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(scratch, "LARGE_BYTES", 0)
    shop = Shop(worlds.make(3), tmp_path)
    shop.land_all(1)
    left = shop.lake / scratch.FOLDER / "0"
    left.mkdir(parents=True)
    (left / "part-0.parquet").write_text("what a killed run left")
    shop.run()
    shop.assert_converged()
    assert not (shop.lake / scratch.FOLDER).exists()
