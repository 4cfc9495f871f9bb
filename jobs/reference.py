"""Reference tables: replaced whole when their files change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from pyspark.sql import Column
from pyspark.sql import functions as F

from tactful.jobs.config import Config
from tactful.jobs.lake import Lake
from tactful.schemas.reference import CAMPAIGNS, PRODUCTS
from tactful.schemas.table import Table

TABLES = {"products": PRODUCTS, "campaigns": CAMPAIGNS}


def load(lake: Lake, config: Config) -> list[str]:
    """Load each reference file that changed since it was last loaded; fields it does not know
    become attributes. Returns the names of the tables that were replaced.
    """
    loaded = []
    known = (lake.state() or {}).get("reference", {})
    for name, reference in config.reference.items():
        path = config.path(reference.path)
        mark = _mark(lake, path)
        if known.get(name) == mark:
            continue
        table = TABLES[name]
        if reference.format == "json":
            text = lake.spark.read.text(path).where(F.trim("value") != "")
            columns = ", ".join(f"`{c.name}` {c.type}" for c in table.columns)
            everything = F.from_json("value", "map<string,string>")
            unknown = F.map_filter(everything, _unknown_to(table))
            parsed = text.select(F.from_json("value", columns).alias("row"), unknown.alias("_rest"))
            none = F.create_map().cast("map<string,string>")
            rows = parsed.select("row.*", "_rest").withColumn(
                "attributes", F.map_concat(F.coalesce("attributes", none), "_rest")
            )
        else:
            rows = lake.spark.read.parquet(path)
        table.conform(rows).write.format("delta").mode("overwrite").save(lake.path(table))
        known = {**known, name: mark}
        lake.remember(reference=known)
        loaded.append(name)
    return loaded


def _unknown_to(table: Table) -> Callable[[Column, Column], Column]:
    return lambda name, _: ~name.isin(table.names)


def _mark(lake: Lake, path: str) -> str:
    """Names, sizes and times of the files: what changes when a reference is replaced."""
    place = lake.spark._jvm.org.apache.hadoop.fs.Path(path)
    system = place.getFileSystem(lake.spark._jsc.hadoopConfiguration())
    listed = sorted(
        f"{s.getPath().getName()} {s.getLen()} {s.getModificationTime()}"
        for s in system.listStatus(place)
    )
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()
