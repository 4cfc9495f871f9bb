"""Changed rows: what a reference table says otherwise than it did."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def changed_keys(
    now: DataFrame, before: DataFrame, *, key: str, columns: Sequence[str]
) -> DataFrame:
    """Find of which products, contents or the like something else is said than before.

    What is new or gone is said otherwise, too. The order in which lists and attributes are told
    counts: to look at somebody once too often changes nothing.

    Keeps: key, each once. columns: those that matter.
    """
    # As text: maps can be compared in no other way.
    said = F.to_json(F.struct(*columns)).alias("_said")
    both = [
        rows.select(key, said).groupBy(key).agg(F.array_sort(F.collect_list("_said")).alias(name))
        for name, rows in (("_now", now), ("_before", before))
    ]
    told = both[0].join(both[1], key, "full")
    return told.where(~F.col("_now").eqNullSafe(F.col("_before"))).select(key)
