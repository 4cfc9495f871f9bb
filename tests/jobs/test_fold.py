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
    """The second batch reads and appends to logs that were rewritten behind the first."""
    shop = Shop(worlds.make(SEED), tmp_path)
    lake = Lake(spark, str(shop.lake))
    for batch in worlds.split(shop.world, 2, seed=SEED):
        shop.land(batch)
        shop.run()
        assert fold_logs(lake, after=1)
    shop.assert_converged()
    assert fold_logs(lake, after=1) == [], "what was just folded is left alone"
    for name, key in (("links", "link_id"), ("identity", "identifier_key")):
        table = DeltaTable(str(shop.lake / "_log" / name))
        assert len(table.file_uris()) == 1
        assert table.to_pandas()[key].is_unique
