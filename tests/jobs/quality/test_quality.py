"""The tables of a lake held against what is expected of them, as `tactful quality` does it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql.pandas.types import to_arrow_schema

from tactful.jobs.commands.quality import gated, lines, quality
from tactful.jobs.errors import LakeError
from tactful.jobs.lake.store import Part
from tactful.schemas.events import PURCHASES
from tests.landing import World
from tests.oracle.compare import read_tables
from tests.product import Shop
from tests.worlds import AS_OF

pytest.importorskip("great_expectations")
SUITE = """
[[expect]]
table = "purchases"
type = "expect_column_values_to_be_in_set"
column = "currency"
value_set = ["GBP"]
severity = "{severity}"
"""
CONFIG = {
    "lake": {"location": "lake", "secret": "env:TACTFUL_SECRET"},
    "sources": {"shop": {"stream": "purchases", "path": "landing/shop"}},
    "quality": {"suites": "suites"},
}


def bought(shop: Shop, spark, *currencies: str) -> None:
    rows = [
        {"event_id": f"e{n}", "type": "order_placed", "occurred_at": AS_OF, "ingested_at": AS_OF,
         "order_id": f"o{n}", "currency": currency}
        for n, currency in enumerate(currencies)
    ]  # fmt: skip
    found = pa.Table.from_pylist(rows, to_arrow_schema(PURCHASES.struct()))
    shop.empty_lake(spark).store.append(PURCHASES, Part(found))


def expect(shop: Shop, severity: str) -> None:
    (shop.folder / "suites").mkdir(exist_ok=True)
    (shop.folder / "suites" / "money.toml").write_text(SUITE.format(severity=severity))


def test_what_is_not_as_expected_is_told_kept_and_ends_with_the_gate(spark, tmp_path: Path):
    shop = Shop(World({}, CONFIG, [], AS_OF, AS_OF), tmp_path)
    bought(shop, spark, "GBP", "SEK", "SEK")
    expect(shop, "warning")
    facts = quality(shop.config(), tables=("purchases", "customers"))
    (wrong,) = facts["not_met"]
    assert (wrong["table_name"], wrong["suite"]) == ("purchases", "money.toml")
    assert (wrong["rows_count"], wrong["unexpected_count"]) == (3, 2)
    assert facts["tables"] == 2 and facts["met"] == facts["expectations"] - 1
    assert gated(facts) is None, "a warning stops nothing"
    assert any("2 of 3 rows are otherwise (" not in line and "2 of 3" in line
               for line in lines(facts))  # fmt: skip

    expect(shop, "critical")
    again = quality(shop.config(), tables=("purchases",), docs=tmp_path / "pages")
    assert "of currency in purchases" in gated(again)
    kept = read_tables(shop.lake, ["quality"])["quality"]
    assert {row["run_id"] for row in kept} == {facts["run_id"], again["run_id"]}
    assert sum(not row["is_met"] for row in kept) == 2
    for page in (Path(facts["docs"]), Path(again["docs"])):
        told = [file.read_text() for file in page.parent.rglob("*.html")]
        assert len(told) > 1 and not any("SEK" in text for text in told), "counts, never values"
    assert Path(facts["docs"]) == shop.lake / "docs" / "index.html"


def test_no_lake_is_made_to_be_looked_at(spark, tmp_path: Path):
    shop = Shop(World({}, CONFIG, [], AS_OF, AS_OF), tmp_path)
    expect(shop, "warning")
    with pytest.raises(LakeError, match="There is no lake"):
        quality(shop.config())
    with pytest.raises(LakeError, match="There is no table orders"):
        quality(shop.config(), tables=("orders",))
    assert not shop.lake.exists()
