"""Reference tables: rows are checked like events, the newest good one of each key is used."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import DataFrame

from tactful.jobs.commands.status import render, status
from tactful.jobs.intake import reference
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import load
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, PRODUCTS, RATES
from tactful.schemas.table import Table
from tactful.transforms.sources.reference import newest, parse_rows
from tests.landing import to_toml
from tests.oracle.compare import assert_same_quarantine, read_tables
from tests.oracle.reference import campaigns, contents, products, rates
from tests.worlds_money import ODD_RATES, world_rates
from tests.worlds_offers import ODD_CAMPAIGNS, ODD_CONTENTS, world_campaigns, world_contents
from tests.worlds_products import ODD_COSTS, ODD_PRODUCTS
from tests.worlds_rows import MAX_ROW_BYTES

GOOD = [
    {"sku": "mat", "category": "sports", "price": "20.50", "cost": 9, "colour": "red"},
    {"sku": "lamp", "replenish_days": 4.0, "attributes": {"colour": "blue", "size": "L"}},
    {"sku": "\u00a0mat\u200b", "brand": " Loop\t", "replenish_days": "3e0", "cost": " 8.00005"},
    '{"sku": "lamp", "sku": "torch", "price": 7, "price": 8, "attributes": {"a": 1, "a": 2}}',
    {"sku": 17, "replenish_days": 3650, "price": 0},
]


GOOD_RATES = [
    {"day": "2026-05-02", "currency": "CHF", "rate": 1.1},
    {"day": "2026-05-01", "currency": "chf", "rate": 1.05, "bank": "SNB"},
    {"day": "\u00a02026-05-02", "currency": "CHF\u200b", "rate": "1.040000005"},
    {"day": "2026-05-02", "currency": "JPY", "rate": "6.1e-3"},
]
Told = dict[str, object] | str | bytes


def text_of(row: Told) -> bytes:
    if isinstance(row, bytes):
        return row
    return (row if isinstance(row, str) else json.dumps(row)).encode()


def judge(spark, rows: Iterable[Told], table: Table) -> DataFrame:
    """Rows of one file, in their order, with what is wrong with each."""
    frame = spark.createDataFrame(
        [(bytearray(text_of(row)), "f", datetime(2026, 1, 1), 0, n) for n, row in enumerate(rows)],
        "value binary, file string, modified_at timestamp, block bigint, line bigint",
    ).selectExpr("CAST(value AS string) AS value", "file", "modified_at", "block", "line")
    return parse_rows(frame, table=table, max_row_bytes=MAX_ROW_BYTES).localCheckpoint()


def test_rows_are_understood_as_the_oracle_does(spark) -> None:
    rows = [*GOOD, *ODD_PRODUCTS, *ODD_COSTS]
    judged = judge(spark, rows, PRODUCTS)
    good, refused = products(map(text_of, rows), max_row_bytes=MAX_ROW_BYTES)
    assert {row.raw: set(row.reasons) for row in judged.where("size(reasons) > 0").collect()} == {
        row["raw"]: row["reasons"] for row in refused
    }
    used = newest(judged.where("size(reasons) = 0"), table=PRODUCTS).collect()
    assert {row.sku: (row.category, row.brand, row.cost, row.replenish_days) for row in used} == {
        row["sku"]: (row["category"], row["brand"], row["cost"], row["replenish_days"])
        for row in good
    }
    told = {row.sku: (row.price, row.attributes) for row in used}
    assert {row.cost for row in used if row.sku == "mat"} == {Decimal("8.0001")}
    assert told["torch"] == (Decimal("8.0000"), {"a": "2"})
    assert told["lamp"] == (None, {"colour": "blue", "size": "L"})
    assert told["17"] == (Decimal(0), {})


def test_of_rates_the_newest_row_of_a_day_and_currency_counts(spark) -> None:
    rows = [*world_rates(1), *GOOD_RATES, *ODD_RATES]
    judged = judge(spark, rows, RATES)
    good, refused = rates(map(text_of, rows), max_row_bytes=MAX_ROW_BYTES)
    found = {row.raw: set(row.reasons) for row in judged.where("size(reasons) > 0").collect()}
    assert found == {row["raw"]: row["reasons"] for row in refused}
    words = set().union(*found.values())
    assert words == {
        "missing:day", "missing:currency", "missing:rate", "wrong_type:day", "wrong_type:rate",
        "wrong_type:currency", "unknown_currency", "out_of_bounds:rate", "malformed_json",
        "invalid_utf8",
    }  # fmt: skip
    assert set().union(*(found[json.dumps(row)] for row in ODD_RATES[:5])) == {"out_of_bounds:rate"}
    used = newest(judged.where("size(reasons) = 0"), table=RATES).collect()
    told = {(row.day, row.currency): (row.rate, row.attributes) for row in used}
    assert len(told) == len(used)
    assert {key: rate for key, (rate, _) in told.items()} == {
        (row["day"], row["currency"]): row["rate"] for row in good
    }
    assert told[date(2026, 5, 1), "CHF"] == (Decimal("1.05"), {"bank": "SNB"})
    assert told[date(2026, 5, 2), "CHF"] == (Decimal("1.04000001"), {})
    assert told[date(2026, 5, 2), "JPY"] == (Decimal("0.0061"), {})


@pytest.mark.parametrize(
    ("table", "rows", "understand"),
    [
        (CAMPAIGNS, [*world_campaigns(1), *ODD_CAMPAIGNS], campaigns),
        (CONTENTS, [*world_contents(1), *ODD_CONTENTS], contents),
    ],
    ids=["campaigns", "contents"],
)
def test_what_messages_are_about_is_checked_alike(spark, table, rows, understand) -> None:
    judged = judge(spark, rows, table)
    good, refused = understand(map(text_of, rows), max_row_bytes=MAX_ROW_BYTES)
    found = {row.raw: set(row.reasons) for row in judged.where("size(reasons) > 0").collect()}
    assert found == {row["raw"]: row["reasons"] for row in refused}
    assert len(found) == len(ODD_CAMPAIGNS if table is CAMPAIGNS else ODD_CONTENTS)
    names = [*table.key, "topic", "skus", "categories", "brands", "offers_discount"]
    used = newest(judged.where("size(reasons) = 0"), table=table).collect()

    def told(row) -> list:
        return [tuple(v) if isinstance(v, list) else v for v in (row[name] for name in names)]

    assert sorted(map(str, map(told, used))) == sorted(map(str, map(told, good)))


class Catalogue:
    """A lake without events, and what its retailer says of products, or of something else."""

    def __init__(self, spark, folder: Path, form: str = "json", name: str = "products") -> None:
        self.place, self.location = folder / name, folder / "lake"
        conf = folder / "my.toml"
        conf.write_text(
            to_toml(
                {
                    "lake": {"location": str(self.location)},
                    "reference": {name: {"path": str(self.place), "format": form}},
                }
            )
        )
        self.config = load(conf, environ={})
        self.lake = Lake(spark, self.config.location)
        self.lake.create(self.config)
        self.place.mkdir()

    def put(self, name: str, *rows, hour: int) -> None:
        file = self.place / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"".join(text_of(row) + b"\n" for row in rows))
        os.utime(file, (hour * 3600, hour * 3600))

    def load(self) -> tuple[list[str], list[str]]:
        said: list[str] = []
        return reference.load(self.lake, self.config, said.append), said

    def table(self, name: str = "products") -> list[dict[str, object]]:
        return read_tables(self.location, [name])[name]

    def days(self) -> dict[object, object]:
        return {row["sku"]: row["replenish_days"] for row in self.table()}


def test_what_becomes_of_files_of_products(spark, tmp_path) -> None:
    """Each step as a business might take it; nothing is refused twice, and nothing good is lost."""
    shop = Catalogue(spark, tmp_path)
    shop.place.rmdir()
    assert shop.load()[1] == [
        f"products from {shop.place} stay empty: there is no such file or folder"
    ]
    shop.place.mkdir()
    shop.put("b.json", {"sku": "mat", "replenish_days": 9}, *ODD_PRODUCTS[:4], hour=1)
    shop.put("deep/a.json", {"sku": "mat", "replenish_days": 8}, {"sku": "lamp"}, hour=2)
    shop.put("_draft.json", {"sku": "mat", "replenish_days": 1}, hour=3)
    assert shop.load() == (["products"], [])
    assert shop.days() == {"mat": 8.0, "lamp": None}
    _, refused = products(map(text_of, ODD_PRODUCTS[:4]), max_row_bytes=10**6)
    assert_same_quarantine(shop.table("quarantine"), refused)
    for row in shop.table("quarantine"):
        assert row["source_position"]["file"].endswith("/products/b.json")
        assert row["quarantined_at"] == datetime(1970, 1, 1, 1, tzinfo=UTC)

    version = shop.lake.store.version(PRODUCTS)
    assert shop.load() == ([], [])
    assert shop.lake.store.version(PRODUCTS) == version, "unchanged files are not read"
    shop.lake.remember(reference={})  # as a run leaves it that was killed before this was written
    assert shop.load() == (["products"], [])
    assert_same_quarantine(shop.table("quarantine"), refused)

    shop.put("b.json", "sku,replenish_days", "mat,30", hour=4)  # CSV, whatever its name
    shop.put("deep/a.json", {"sku": "mat", "replenish_days": 800_000}, hour=4)
    loaded, said = shop.load()
    assert (loaded, shop.days()) == ([], {"mat": 8.0, "lamp": None})
    why = "no row of its files can be used"
    assert said == [f"products from {shop.place} stay as they were: {why}"]
    assert shop.load() == ([], said), "said by every run until it is mended"
    assert status(shop.location)["failures"]["reference"] == {"products": why}
    assert any(why in str(line) for line in render(status(shop.location)))
    raws = ["sku,replenish_days", "mat,30", '{"sku": "mat", "replenish_days": 800000}']
    assert sorted(row["raw"] for row in shop.table("quarantine")) == sorted(
        [*raws, *(row["raw"] for row in refused)]
    )

    shop.put("deep/a.json", {"sku": "mat", "replenish_days": 7}, hour=5)
    assert shop.load() == (["products"], [])
    assert shop.days() == {"mat": 7.0}
    assert status(shop.location)["failures"]["reference"] == {}
    shutil.rmtree(shop.place)
    assert shop.load()[1] == [
        f"products from {shop.place} stay as they were: there is no such file or folder"
    ]
    assert shop.days() == {"mat": 7.0}


def test_a_damaged_file_harms_itself_alone(spark, tmp_path) -> None:
    """It is refused as one row, and the table is made of the others; a lost one is waited for."""
    shop = Catalogue(spark, tmp_path)
    shop.put("a.json", {"sku": "mat", "replenish_days": 7}, hour=1)
    packed = gzip.compress(b'{"sku": "lamp"}\n' * 5000 + os.urandom(5000))
    (shop.place / "cut.json.gz").write_bytes(packed[: len(packed) // 2])
    (shop.place / "no gzip.json.gz").write_bytes(b"\x1f\x8b\x08\x00not packed at all")
    pq.write_table(pa.table({"sku": ["soap"]}), shop.place / "other.json")
    loaded, [said] = shop.load()
    assert (loaded, shop.days()) == (["products"], {"mat": 7.0})
    assert said == (
        f"products are made without {shop.place}/cut.json.gz (it is damaged), and 2 more"
    )
    rows = {Path(row["source_position"]["file"]).name: row for row in shop.table("quarantine")}
    assert sorted(rows) == ["cut.json.gz", "no%20gzip.json.gz", "other.json"]
    assert {tuple(row["reasons"]) for row in rows.values()} == {("malformed_json",)}
    assert rows["cut.json.gz"]["raw"] == (
        "This file was not read: it is damaged; put a whole one in its place."
    )
    assert "it is a Parquet file, and its format is json" in rows["other.json"]["raw"]
    assert shop.load() == ([], [])
    assert len(shop.table("quarantine")) == 3

    (shop.place / "cut.json.gz").write_bytes(packed)
    (shop.place / "away.json").symlink_to(tmp_path / "nowhere")
    loaded, said = shop.load()
    why = f"{shop.place}/away.json (its link leads nowhere) cannot be read"
    assert (loaded, shop.days()) == ([], {"mat": 7.0})
    assert said == [f"products from {shop.place} stay as they were: {why}"]
    assert status(shop.location)["failures"]["reference"] == {"products": why}
    assert shop.load() == ([], said), "said by every run until it is mended"
    (shop.place / "away.json").unlink()
    (shop.place / "cut.json.gz").write_bytes(gzip.compress(b'{"sku": "lamp"}\n'))
    assert shop.load()[0] == ["products"]
    assert shop.days() == {"mat": 7.0, "lamp": None}

    for file in shop.place.iterdir():
        file.unlink()
    (shop.place / "cut.json.gz").write_bytes(packed[: len(packed) // 2])
    why = f"no row of its files can be used: {shop.place}/cut.json.gz (it is damaged)"
    assert shop.load() == ([], [f"products from {shop.place} stay as they were: {why}"])
    assert shop.days() == {"mat": 7.0, "lamp": None}


def test_a_lake_of_before_learns_what_products_cost(spark, tmp_path) -> None:
    """It gets the column when it is next opened, and the files of before are read once more."""
    shop = Catalogue(spark, tmp_path)
    shop.put("a.json", {"sku": "mat", "cost": 7.5}, hour=1)
    shop.load()
    path = str(shop.location / "products")
    before = DeltaTable(path).to_pyarrow_table().drop_columns(["cost"])
    shutil.rmtree(path)
    write_deltalake(path, before)
    shutil.rmtree(shop.location / "rates")
    marks = shop.lake.state()["reference"]
    shop.lake.remember(reference={name: f"of before: {mark}" for name, mark in marks.items()})
    again = Lake(spark, shop.config.location)
    again.create(shop.config)
    assert [row["cost"] for row in shop.table()] == [None]
    assert shop.table("rates") == []
    assert shop.load() == (["products"], [])
    assert [row["cost"] for row in shop.table()] == [Decimal("7.5")]


def test_rates_are_replaced_as_products_are(spark, tmp_path) -> None:
    shop = Catalogue(spark, tmp_path, name="rates", form="parquet")
    told = {
        "day": [date(2026, 5, 1), date(2026, 5, 1), date(2026, 5, 2)],
        "currency": ["EUR", "eur", "EURO"],
        "rate": [Decimal("1.1"), Decimal("1.2"), Decimal("1.3")],
    }
    pq.write_table(pa.table(told), shop.place / "a.parquet")
    assert shop.load() == (["rates"], [])
    [row] = shop.table("rates")
    assert (row["day"], row["currency"], row["rate"]) == (date(2026, 5, 1), "EUR", Decimal("1.2"))
    [refused] = shop.table("quarantine")
    assert (refused["stream"], refused["source_name"]) == ("rates", "reference.rates")
    assert list(refused["reasons"]) == ["unknown_currency"]


def test_parquet_is_read_and_checked_alike(spark, tmp_path) -> None:
    shop = Catalogue(spark, tmp_path, form="parquet")
    days = [9.0, float("nan"), -5.0]
    skus = pa.array(["mat", "lamp", "soap"])
    pq.write_table(pa.table({"sku": skus, "replenish_days": days}), shop.place / "a.parquet")
    whole = pa.table({"sku": skus[:1], "replenish_days": pa.array([8], pa.int32())})
    pq.write_table(whole, shop.place / "b.parquet")  # the same column, in another type
    for hour, name in enumerate(("a.parquet", "b.parquet"), 1):
        os.utime(shop.place / name, (hour * 3600, hour * 3600))
    assert shop.load() == (["products"], [])
    assert shop.days() == {"mat": 8.0}
    assert {tuple(row["reasons"]) for row in shop.table("quarantine")} == {
        ("wrong_type:replenish_days",), ("out_of_bounds:replenish_days",),
    }  # fmt: skip
    shop.put("c.parquet", "sku,replenish_days", hour=3)
    whole = (shop.place / "b.parquet").read_bytes()
    (shop.place / "d.parquet").write_bytes(whole[:-20])
    (shop.place / "e.parquet").write_bytes(whole[:4] + bytes(40) + whole[44:])
    loaded, [said] = shop.load()
    assert (loaded, shop.days()) == (["products"], {"mat": 8.0})
    assert said.endswith("c.parquet (it is not a whole Parquet file), and 2 more")
    told = [row["raw"] for row in shop.table("quarantine") if row["raw"].startswith("This file")]
    assert len(told) == 3 and any("it is damaged; put a whole one" in raw for raw in told)


@pytest.mark.parametrize(
    "stamp", ["2026-01-01T00:00:00Z", "2026-01-01T01:00+01:00", "20260101T0000Z"]
)
def test_campaigns_have_times_with_their_zone(spark, stamp: str) -> None:
    rows = [
        {"campaign_id": " spring ", "starts_at": stamp, "budget": 5, "colour": "red"},
        {"campaign_id": "sale", "starts_at": "2026-01-01"},
        {"campaign_id": "\u200b"},
    ]
    frame = spark.createDataFrame(
        [(json.dumps(row), "f", datetime(2026, 1, 1), 0, n) for n, row in enumerate(rows)],
        "value string, file string, modified_at timestamp, block bigint, line bigint",
    )
    spring, sale, nameless = parse_rows(frame, table=CAMPAIGNS, max_row_bytes=1000).collect()
    assert (spring.campaign_id, spring.budget) == ("spring", Decimal(5))
    assert spring.attributes == {"colour": "red"}
    assert spring.starts_at.astimezone(UTC) == datetime(2026, 1, 1, tzinfo=UTC)
    assert (sale.reasons, nameless.reasons) == (["wrong_type:starts_at"], ["missing:campaign_id"])


def test_a_format_that_nobody_reads_is_refused(errors) -> None:
    [line] = errors("[reference.products]\nformat = 'csv'\npath = 'products'")
    assert line.startswith('my.toml: reference.products.format: found "csv"; allowed: ')
