"""Folding: fewer files, the same answers, and nothing that a later batch or stream trips over."""

from __future__ import annotations

from pathlib import Path

from deltalake import DeltaTable

from tactful.jobs.fold import fold_logs
from tactful.jobs.lake import Lake
from tests import worlds
from tests.product import Shop

SEED = 31


def test_a_folded_lake_goes_on(spark, tmp_path: Path) -> None:
    """Three batches, each on logs that were rewritten behind the one before."""
    shop = Shop(worlds.make(SEED), tmp_path)
    lake = Lake(spark, str(shop.lake))
    for batch in worlds.split(shop.world, 3, seed=SEED):
        shop.land(batch)
        shop.run()
        assert fold_logs(lake, after=1)
        assert fold_logs(lake, after=1) == [], "what was just folded is left alone"
    for name in ("links", "identity"):
        table = DeltaTable(str(shop.lake / "_log" / name))
        assert len(table.file_uris()) == 1
        keys = table.to_pandas()["link_id" if name == "links" else "identifier_key"]
        assert keys.is_unique
    shop.run()
    shop.assert_converged()
