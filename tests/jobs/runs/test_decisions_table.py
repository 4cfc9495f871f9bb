"""The table of decisions is there from a lake's birth, and no replay takes a decision away."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from pyspark.sql.pandas.types import to_arrow_schema

from tactful.jobs.lake.store import Part
from tactful.jobs.runs.replay import replay
from tactful.schemas.decisions import DECISIONS
from tests.jobs.test_closings import ANN, BY_FAMILY, Told
from tests.product import DECIDING


def test_decisions_outlive_a_replay(spark, tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.login(9, ANN, BY_FAMILY)
    shop = told.shop
    shop.land(told.batch)
    lake = shop.empty_lake(spark)
    table = DeltaTable(str(shop.lake / "decisions"))
    assert [field.name for field in table.schema().fields] == DECISIONS.names
    row = {"decision_id": "d1", "anchor_key": "k1", "policy": "cart_reminder", "evidence": []}
    made = pa.Table.from_pylist([row], to_arrow_schema(DECISIONS.struct()))
    lake.store.append(DECISIONS, Part(made))
    shop.run(steps=DECIDING)
    replay(shop.config(), from_table="received")
    (kept,) = DeltaTable(str(shop.lake / "decisions")).to_pyarrow_table().to_pylist()
    assert (kept["decision_id"], kept["anchor_key"]) == ("d1", "k1")
