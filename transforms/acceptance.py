"""Which landed rows become events: the first of each id, once, whatever arrives again."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.words import CLOSING_TYPES
from tactful.transforms.identity.links import broadcast_if_small

ACCEPTED, DUPLICATE, QUARANTINED = "accepted", "duplicate", "quarantined"


def repeats(rows: DataFrame, fresh: DataFrame) -> DataFrame:
    """List the ids that come more than once, in this batch or since an earlier one.

    Keeps: event_hash, is_fresh (never accepted before), first (is_open, payload_hash,
    source_position, row_id, landed_at of the row that is accepted if the id is fresh). Grain: id.
    rows: columns of `received`, and row_id that tells equal rows apart.
    """
    is_open = ~F.coalesce(F.col("type").isin(*CLOSING_TYPES), F.lit(False))
    in_order = F.struct(
        is_open.alias("is_open"), "payload_hash", "source_position", "row_id", "landed_at"
    )
    return (
        rows.where(F.size("reasons") == 0)
        .groupBy("event_hash")
        .agg(F.count("*").alias("_times"), F.min(in_order).alias("first"))
        .join(fresh.select("event_hash", F.lit(True).alias("_fresh")), "event_hash", "left")
        .withColumn("is_fresh", F.coalesce("_fresh", F.lit(False)))
        .where((F.col("_times") > 1) | ~F.col("is_fresh"))
        .drop("_times", "_fresh")
    )


def sort_out(
    rows: DataFrame,
    repeated: DataFrame,
    earlier: DataFrame,
    *,
    compare_within: timedelta,
    count: int,
) -> DataFrame:
    """Say of every landed row whether it is accepted, a repeat, or refused.

    An id that was never seen is accepted once: of several valid rows in one batch the one with
    the smallest (payload, position), so that the choice does not hang on order; but one that
    closes a channel goes before all that do not, since doubt is silence. A repeat with the same
    payload is a duplicate. With another payload it is refused as `id_reused` while the
    first is `compare_within` old at most; later the two can no longer be told apart cheaply.

    Adds: status. Changes: reasons (id_reused). Keeps: one row a landed row.
    rows: columns of `received`, and row_id. repeated: see `repeats`. count: how many these are; of
    a few each executor gets all, and the wide rows need no shuffle. earlier: event_hash,
    payload_hash, ingested_at of accepted events that come again.
    """
    known = earlier.select(
        "event_hash",
        F.col("payload_hash").alias("_known_payload"),
        F.col("ingested_at").alias("_known_at"),
    )
    valid = F.size("reasons") == 0
    again = broadcast_if_small(repeated.join(known, "event_hash", "left"), count=count)
    looked_up = rows.join(again, "event_hash", "left")
    once = F.col("is_fresh").isNull()
    wins = F.col("is_fresh") & (F.col("first.row_id") == F.col("row_id"))
    payload = F.when(F.col("is_fresh"), F.col("first.payload_hash")).otherwise(
        F.col("_known_payload")
    )
    at = F.when(F.col("is_fresh"), F.col("first.landed_at")).otherwise(F.col("_known_at"))
    accepted = valid & (once | wins)
    near = F.abs(F.unix_micros("landed_at") - F.unix_micros(at)) <= int(
        compare_within / timedelta(microseconds=1)
    )
    other = F.coalesce((payload != F.col("payload_hash")) & near, F.lit(False))
    reused = valid & ~accepted & other
    status = F.when(accepted, ACCEPTED).when(~valid | reused, QUARANTINED).otherwise(DUPLICATE)
    reasons = F.when(reused, F.array(F.lit("id_reused"))).otherwise(F.col("reasons"))
    return (
        looked_up.withColumn("status", status)
        .withColumn("reasons", reasons)
        .drop("is_fresh", "first", "_known_payload", "_known_at")
    )
