"""Which landed rows become events: the first of each id, once, whatever arrives again."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

ACCEPTED, DUPLICATE, QUARANTINED = "accepted", "duplicate", "quarantined"


def sort_out(
    rows: DataFrame, fresh: DataFrame, earlier: DataFrame, *, compare_within: timedelta
) -> DataFrame:
    """Say of every landed row whether it is accepted, a repeat, or refused.

    An id that was never seen is accepted once: of several valid rows in one batch the one with
    the smallest (payload, position), so that the choice does not hang on order. A repeat with
    the same payload is a duplicate. With another payload it is refused as `id_reused` while the
    first is `compare_within` old at most; later the two can no longer be told apart cheaply.

    Adds: status. Changes: reasons (id_reused). Keeps: one row a landed row.
    rows: columns of `received`. fresh: event_hash never accepted before this batch.
    earlier: event_hash, payload_hash, ingested_at of accepted events that come again.
    """
    valid = F.size("reasons") == 0
    in_order = Window.partitionBy("event_hash", valid).orderBy("payload_hash", "source_position")
    first = F.first("payload_hash").over(in_order)
    first_at = F.first("landed_at").over(in_order)
    looked_up = (
        rows.join(fresh.select("event_hash", F.lit(True).alias("_fresh")), "event_hash", "left")
        .join(
            earlier.select(
                "event_hash",
                F.col("payload_hash").alias("_known_payload"),
                F.col("ingested_at").alias("_known_at"),
            ),
            "event_hash",
            "left",
        )
        .withColumn("_place", F.row_number().over(in_order))
        .withColumn("_payload", F.when(F.col("_fresh"), first).otherwise(F.col("_known_payload")))
        .withColumn("_at", F.when(F.col("_fresh"), first_at).otherwise(F.col("_known_at")))
    )
    accepted = valid & F.coalesce(F.col("_fresh"), F.lit(False)) & (F.col("_place") == 1)
    apart = F.abs(_micros("landed_at") - _micros("_at"))
    reused = (
        valid
        & ~accepted
        & F.coalesce(F.col("_payload") != F.col("payload_hash"), F.lit(False))
        & (apart <= int(compare_within / timedelta(microseconds=1)))
    )
    status = F.when(accepted, ACCEPTED).when(~valid | reused, QUARANTINED).otherwise(DUPLICATE)
    return (
        looked_up.withColumn("status", status)
        .withColumn(
            "reasons", F.when(reused, F.array(F.lit("id_reused"))).otherwise(F.col("reasons"))
        )
        .drop("_fresh", "_known_payload", "_known_at", "_place", "_payload", "_at")
    )


def _micros(name: str) -> Column:
    return F.unix_micros(F.col(name))
