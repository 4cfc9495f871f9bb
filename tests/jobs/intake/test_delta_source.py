"""Delta tables and Avro files as sources: what a version added lands once, whatever else it did."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

from pyspark.sql import Row

from tactful.jobs import land
from tactful.jobs.commands.sampling import sample
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config, load
from tactful.schemas.intake import FILES, LANDED_RANGES, RECEIVED

CONF = """
[lake]
location = "{root}/lake"
[sources.plain]
format = "delta"
stream = "clicks"
path = "{root}/plain table"
[sources.fed]
format = "delta"
stream = "clicks"
path = "{root}/fed"
[sources.named]
format = "delta"
stream = "clicks"
table = "spark_catalog.{schema}.clicks"
[sources.nowhere]
format = "delta"
stream = "clicks"
table = "spark_catalog.{schema}.nothing"
[sources.files]
format = "avro"
stream = "clicks"
path = "{root}/files"
"""
FEED = "TBLPROPERTIES (delta.enableChangeDataFeed = true)"


def table(spark: Any, path: Path, properties: str = "") -> str:
    name = f"delta.`{path}`"
    spark.sql(
        f"CREATE TABLE {name} (event_id STRING, type STRING, occurred_at TIMESTAMP, sku STRING, "
        f"day DATE) USING delta PARTITIONED BY (day) {properties}"
    )
    return name


def put(spark: Any, name: str, *ids: str, sku: str = "jeans") -> None:
    values = ", ".join(
        f"('{i}', 'product_view', timestamp'2026-03-01T10:00:00Z', '{sku}', date'2026-03-01')"
        for i in ids
    )
    spark.sql(f"INSERT INTO {name} (event_id, type, occurred_at, sku, day) VALUES {values}")


def received(lake: Lake, source: str) -> list[Row]:
    rows = lake.store.read(RECEIVED).where(f"source_name = '{source}'")
    return sorted(rows.collect(), key=lambda row: (row.event_id or "", row.source_position.file))


def ids(lake: Lake, source: str) -> list[str]:
    return [row.event_id for row in received(lake, source)]


def aside(lake: Lake, source: str) -> int:
    rows = lake.store.read(LANDED_RANGES).where(f"source_name = '{source}'").collect()
    return sum(row.left_aside_count or 0 for row in rows)


def test_a_table_is_read_by_what_its_versions_added(spark, tmp_path: Path) -> None:
    schema = f"house_{uuid.uuid4().hex}"
    (tmp_path / "my.toml").write_text(CONF.format(root=tmp_path, schema=schema))
    (tmp_path / "files").mkdir()

    def read(**settings: Any) -> Config:
        return load(tmp_path / "my.toml", overrides=settings or None)

    plain, fed = table(spark, tmp_path / "plain table"), table(spark, tmp_path / "fed", FEED)
    spark.sql(f"CREATE SCHEMA {schema} LOCATION '{tmp_path}/a catalog'")
    named = f"{schema}.clicks"
    spark.sql(f"CREATE TABLE {named} USING delta AS SELECT * FROM {plain}")
    for name in (plain, fed, named):
        put(spark, name, "a", "b")
        put(spark, name, "c")
    kept = spark.read.format("delta").load(str(tmp_path / "fed")).coalesce(1)
    kept.write.format("avro").save(str(tmp_path / "files" / "one"))
    (tmp_path / "files" / "two.avro").write_bytes(b"no Avro at all")
    packed = kept.selectExpr("event_id AS id", "type", "occurred_at").write.format("avro")
    packed.option("compression", "zstandard").save(str(tmp_path / "files" / "other columns"))
    lake = Lake(spark, read().location)
    lake.create(read())
    nowhere = land.land(lake, read())
    assert nowhere.keys() == {"nowhere"}, nowhere
    assert f"{schema}.nothing" in nowhere["nowhere"]
    assert ids(lake, "plain") == ids(lake, "fed") == ids(lake, "named") == ["a", "b", "c"]
    position = received(lake, "named")[0].source_position.file
    assert position == f"delta:spark_catalog.{schema}.clicks@2"
    first = received(lake, "plain")[0]
    assert first.source_position.file == f"delta:{tmp_path}/plain table@2" and first.reasons == []
    assert first.sku == "jeans" and dict(first.properties) == {"day": "2026-03-01"}

    # Avro: each file by its own columns, what is none is refused as a file and as one row.
    files = received(lake, "files")
    assert sorted(row.event_id for row in files if not row.reasons) == ["a", "b", "c"]
    assert sum(row.reasons == ["missing:event_id"] for row in files) == 3 and len(files) == 7
    told = {Path(row.path).name: row.reason for row in lake.store.read(FILES).collect()}
    assert told["two.avro"] == "it is not a whole Avro file"

    # Other columns, rows added, moved, changed and deleted, all before the next look.
    put(spark, named, "d")
    for name in (plain, fed):
        spark.sql(f"ALTER TABLE {name} ADD COLUMNS (query STRING)")
        put(spark, name, "d")
        spark.sql(f"DELETE FROM {name} WHERE event_id IN ('a', 'd')")
        put(spark, name, "e")
        put(spark, name, "f")
        spark.sql(f"OPTIMIZE {name}")
        spark.sql(f"UPDATE {name} SET sku = 'belt' WHERE event_id = 'f'")
    assert land.land(lake, read()).keys() == {"nowhere"}
    assert ids(lake, "named") == ["a", "b", "c", "d"]
    assert set(ids(lake, "plain")) == set(ids(lake, "fed")) == set("abcdef")
    assert ids(lake, "fed") == ["a", "b", "c", "d", "e", "f", "f"]
    assert {row.sku for row in received(lake, "fed") if row.event_id == "f"} == {"jeans", "belt"}
    assert aside(lake, "fed") == 2 and aside(lake, "plain") == 2
    again = len(received(lake, "plain"))
    facts = sample(read(), None, read().sources["named"], 3, name="named")
    assert (facts["rows"], facts["understood"]) == (3, 3)
    spark.sql(f"DROP SCHEMA {schema} CASCADE")
    assert land.land(lake, read()).keys() == {"named", "nowhere"}
    assert len(received(lake, "plain")) == again

    # Versions that are gone are named, and the other source goes on; then it is read as it stands.
    for name in (plain, fed):
        put(spark, name, "g")
        put(spark, name, "h")
    log = sorted((tmp_path / "fed" / "_delta_log").glob("*.json"))
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    shutil.move(log[-2], tmp_path / "gone.json")
    failed = land.land(lake, read())
    assert (
        failed.keys() == {"fed", "named", "nowhere"}
        and f"versions {len(log) - 2} to {len(log) - 2}" in failed["fed"]
    )
    assert ids(lake, "plain")[-2:] == ["g", "h"]
    skip = {**read().sources["fed"].model_dump(exclude_defaults=True), "lost": "skip"}
    assert land.land(lake, read(sources={"fed": skip})).keys() == {"named", "nowhere"}
    assert set(ids(lake, "fed")[-3:]) == {"f", "g", "h"}
