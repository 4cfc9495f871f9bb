"""Intervals: how often a person buys something, and when they may be expected to again."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

# Habits change: so many of the newest intervals count.
NEWEST = 10
# The most products, or categories, that one person's row names: those bought last.
NAMED = 50
# The days between one purchase and the next.
GAPS = "transform(sequence(1, size(_days) - 1), i -> datediff(_days[i], _days[i - 1]))"
KINDS = {"category": "category_intervals", "sku": "product_intervals"}


def purchase_intervals(bought: DataFrame) -> DataFrame:
    """How often each person buys a category or product, and when they will again, if so.

    Of several purchases on one day (UTC) one counts. The interval is the median of at most the ten
    newest, since one holiday should not move it; the next purchase is that long after the last.
    How sure that is grows with the number of intervals and falls with how much they differ:
    n / (n + 2) × mean / (mean + standard deviation).

    Keeps: one row a person who bought something on two days. Adds: category_intervals,
    product_intervals: by category or sku the schema's `INTERVAL`, of the fifty bought last.
    bought: see `bought_lines`.
    """
    each = F.array(
        *(F.struct(F.lit(kind).alias("kind"), F.col(kind).alias("value")) for kind in KINDS)
    )
    days = (
        bought.where(~F.col("is_cancelled"))
        .select("person_id", F.to_date("occurred_at").alias("day"), F.explode(each).alias("of"))
        .where("of.value IS NOT NULL")
        .groupBy("person_id", "of.kind", "of.value")
        .agg(F.sort_array(F.collect_set("day")).alias("_days"))
        .where("size(_days) > 1")
        .withColumn(
            "_days", F.expr(f"slice(_days, greatest(size(_days) - {NEWEST}, 1), {NEWEST + 1})")
        )
    )
    gaps = days.withColumn("_gaps", F.expr(GAPS))
    entry = F.struct(
        F.datediff(F.lit("9999-12-31"), F.element_at("_days", -1)).alias("ago"), "value",
        F.struct(*_told()).alias("v"),
    )  # fmt: skip
    told = gaps.select("person_id", "kind", entry.alias("entry"))
    whole = told.groupBy("person_id").agg(
        *(
            F.array_sort(F.collect_list(F.when(F.col("kind") == kind, F.col("entry")))).alias(name)
            for kind, name in KINDS.items()
        )
    )
    return whole.select("person_id", *(_as_map(name).alias(name) for name in KINDS.values()))


def _told() -> list[Column]:
    """The fields of the schema's `INTERVAL`, in whole numbers where it can be: these are exact."""
    sums = "aggregate(_gaps, 0L, (s, g) -> s + g)"
    squares = "aggregate(_gaps, 0L, (s, g) -> s + CAST(g AS BIGINT) * g)"
    n, median = "size(_gaps)", median_gap("_gaps")
    deviation = f"sqrt(CAST({n} * {squares} - {sums} * {sums} AS DOUBLE)) / {n}"
    mean = f"(CAST({sums} AS DOUBLE) / {n})"
    sure = f"{n} / ({n} + 2.0D) * ({mean} / ({mean} + {deviation}))"
    return [
        F.expr("size(_days)").alias("days_count"),
        F.expr(median).alias("interval_days"),
        F.expr(f"round({deviation}, 4)").alias("deviation_days"),
        F.expr(f"date_add(element_at(_days, -1), CAST(floor({median} + 0.5D) AS INT))").alias(
            "next_purchase_on"
        ),
        F.expr(f"round({sure}, 4)").alias("confidence"),
    ]


def median_gap(gaps: str) -> str:
    """The middle of some gaps in days, in SQL; of two in the middle what lies between them."""
    middle = (
        f"sort_array({gaps})[CAST(floor({place}) AS INT)]"
        for place in (f"(size({gaps}) - 1) / 2", f"size({gaps}) / 2")
    )
    return f"({' + '.join(middle)}) / 2.0D"


def _as_map(name: str) -> Column:
    last = F.slice(name, 1, NAMED)
    return F.map_from_entries(F.transform(last, lambda e: F.struct(e["value"], e["v"])))
