"""Days: how much is said on a business day at most, the best of it first."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.transforms.plans.arbitration import worth

# What a day bounds. name: of the policy or destination; per_day: how much on one day; own_id: all
# that has the same counts once.
QUOTA = "struct<name:string,per_day:int,own_id:string>"
QUOTAS = f"array<{QUOTA}>"


def day_of(moment: Column, time_zone: str) -> Column:
    """The business's day of a moment."""
    return F.to_date(F.from_utc_timestamp(moment, time_zone))


def next_day(moment: Column, time_zone: str) -> Column:
    """When the business's next day begins."""
    day = F.date_add(day_of(moment, time_zone), 1)
    return F.to_utc_timestamp(day.cast("timestamp"), time_zone)


def over_the_day(due: DataFrame, taken: DataFrame, *, time_zone: str) -> DataFrame:
    """Find what is too much for its day: all behind the best of what is due, as many as are left.

    Keeps: decision_id. Adds: too_much (the name of what bounds it). Grain: decision.
    due: decision_id, send_at, quotas, and what `worth` asks. taken: name, day, own_id of what was
    said on these days already. time_zone: the business's.
    """
    each = due.select(
        "decision_id",
        day_of(F.col("send_at"), time_zone).alias("day"),
        F.struct(*worth()).alias("_worth"),
        F.inline("quotas"),
    )
    # What counts already costs no further place.
    known = taken.select("name", "day", "own_id").distinct()
    new = each.join(known, ["name", "day", "own_id"], "left_anti")
    best = Window.partitionBy("name", "day").orderBy("_worth", "own_id")
    used = known.groupBy("name", "day").agg(F.count("*").alias("_used"))
    ranked = (
        new.groupBy("name", "day", "own_id", "per_day")
        .agg(F.min("_worth").alias("_worth"))
        .withColumn("_place", F.row_number().over(best))
        .join(used, ["name", "day"], "left")
        .where(F.col("_place") > F.col("per_day") - F.coalesce("_used", F.lit(0)))
    )
    late = new.join(ranked.select("name", "day", "own_id"), ["name", "day", "own_id"], "left_semi")
    return late.groupBy("decision_id").agg(F.min("name").alias("too_much"))
