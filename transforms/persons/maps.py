"""Maps: several values of a person under their names, in one column."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def as_map(rows: DataFrame, key: str, name: str) -> DataFrame:
    """Put what is known of each person under each key into one map.

    Keeps: one row a person. Adds: the map, under `name`. rows: person_id, the key, v.
    """
    entries = F.array_sort(F.collect_list(F.struct(key, "v")))
    return rows.groupBy("person_id").agg(F.map_from_entries(entries).alias(name))


def empty_map(kind: str) -> Column:
    """A map to values of this type, without any."""
    return F.create_map().cast(f"map<string,{kind}>")
