"""Persons: what several parts say of each, side by side, and several values in one map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def as_map(rows: DataFrame, key: str, name: str) -> DataFrame:
    """Put what is known of each person under each key into one map.

    Keeps: one row a person. Adds: the map, under `name`. rows: person_id, the key, v.
    """
    entries = F.array_sort(F.collect_list(F.struct(key, "v")))
    return rows.groupBy("person_id").agg(F.map_from_entries(entries).alias(name))


def side_by_side(whole: DataFrame, parts: Sequence[DataFrame]) -> DataFrame:
    """Put what several parts say of each person beside what is known of them.

    One pass over all of it, where a join each would sort everybody as often as there are parts.

    Keeps: the persons of `whole`. Adds: the columns of all parts; null where one says nothing.
    whole, parts: one row a person, with columns of their own.
    """
    frames = [whole, *parts]
    names = [f"_part_{number}" for number in range(len(frames))]
    told = [
        frame.select("person_id", F.struct(*_others(frame)).alias(name))
        for name, frame in zip(names, frames, strict=True)
    ]
    union = reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), told)
    one = union.groupBy("person_id").agg(*(F.first(n, ignorenulls=True).alias(n) for n in names))
    known = one.where(F.col(names[0]).isNotNull())
    columns = (
        F.col(name)[column].alias(column)
        for name, frame in zip(names, frames, strict=True)
        for column in _others(frame)
    )
    return known.select("person_id", *columns)


def _others(frame: DataFrame) -> list[str]:
    return [name for name in frame.columns if name != "person_id"]
