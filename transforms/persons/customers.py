"""Customers: what is plainly known of a person."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import MONEY, ORDER, TOTAL
from tactful.transforms.allotting import back
from tactful.transforms.consents import consents
from tactful.transforms.settled import PARTS


def customers(
    timeline: DataFrame, outcomes: DataFrame, lines: DataFrame, *, as_of: datetime
) -> DataFrame:
    """Put together what is known of each person: visits, orders, money, messages, consents.

    An order that was wholly cancelled is no order. What was given back is taken off, never more
    than was paid, so nobody's revenue falls below nothing.

    Keeps: one row a person. Adds: the columns of `customers`.
    timeline: rows with person_id. outcomes: messages with person_id. lines: see `settled_lines`.
    """
    mine = timeline.where(F.col("person_id").isNotNull())
    seen = mine.groupBy("person_id").agg(
        F.min("occurred_at").alias("first_seen_at"), F.max("occurred_at").alias("last_seen_at")
    )
    kept = _kept_lines(lines)
    return (
        seen.join(_orders(kept), "person_id", "left")
        .join(_revenue(kept), "person_id", "left")
        .join(_messages(outcomes), "person_id", "left")
        .join(_consents(mine), "person_id", "left")
        .withColumns(
            {
                "orders": F.coalesce("orders", F.lit(0).cast("bigint")),
                "recency_days": F.floor(
                    (F.lit(as_of).cast("double") - F.col("last_order_at").cast("double")) / 86400
                ).cast("int"),
                "as_of": F.lit(as_of),
                "revenue": F.coalesce("revenue", _empty_map(TOTAL)),
                "sends": F.coalesce("sends", _empty_map("bigint")),
                "opens": F.coalesce("opens", _empty_map("bigint")),
                "clicks": F.coalesce("clicks", _empty_map("bigint")),
                "consents": F.coalesce("consents", _empty_map("boolean")),
            }
        )
    )


def _kept_lines(lines: DataFrame) -> DataFrame:
    """Every bought line of somebody's with what was kept of it. Grain: line."""
    kept = (F.col("paid") - back("paid")) * F.lit(Decimal(1) / PARTS)
    cancelled = back("units", ["order_cancelled"])
    return lines.where(F.col("person_id").isNotNull()).select(
        "person_id", "order_id", "occurred_at", "currency",
        kept.cast(MONEY).alias("kept"),
        (cancelled >= F.col("units")).alias("is_cancelled"),
    )  # fmt: skip


def _orders(lines: DataFrame) -> DataFrame:
    """How many orders each person has that were not cancelled, and when the last was placed."""
    return (
        lines.groupBy("person_id", "order_id")
        .agg(F.min("occurred_at").alias("at"), F.bool_and("is_cancelled").alias("cancelled"))
        .where(~F.col("cancelled"))
        .groupBy("person_id")
        .agg(F.count("*").alias("orders"), F.max("at").alias("last_order_at"))
    )


def _revenue(lines: DataFrame) -> DataFrame:
    per_currency = lines.groupBy("person_id", "currency").agg(F.sum("kept").cast(TOTAL).alias("v"))
    return _as_map(per_currency, "currency", "revenue")


def _messages(outcomes: DataFrame) -> DataFrame:
    """How often each person was sent, opened and clicked messages, channel by channel."""
    per_channel = (
        outcomes.where(F.col("channel").isNotNull())
        .groupBy("person_id", "channel")
        .agg(
            F.count("*").alias("sends"),
            F.count("opened_at").alias("opens"),
            F.count("clicked_at").alias("clicks"),
        )
    )
    counts = F.array_sort(F.collect_list(F.struct("channel", "sends", "opens", "clicks")))
    grouped = per_channel.groupBy("person_id").agg(counts.alias("_all"))

    def happened(name: str) -> Column:
        some = F.filter("_all", lambda c: c[name] > 0)
        return F.map_from_entries(F.transform(some, lambda c: F.struct(c["channel"], c[name])))

    return grouped.select(
        "person_id", *(happened(name).alias(name) for name in ("sends", "opens", "clicks"))
    )


def _consents(mine: DataFrame) -> DataFrame:
    """The newest word on each channel and purpose; at the same moment a withdrawal wins."""
    topic = F.concat_ws(":", F.coalesce("channel", F.lit("*")), "purpose")
    newest = F.max_by("is_granted", F.struct("occurred_at", ~F.col("is_granted"), *ORDER[1:]))
    latest = consents(mine).groupBy("person_id", topic.alias("topic")).agg(newest.alias("v"))
    return _as_map(latest, "topic", "consents")


def _as_map(rows: DataFrame, key: str, name: str) -> DataFrame:
    entries = F.array_sort(F.collect_list(F.struct(key, "v")))
    return rows.groupBy("person_id").agg(F.map_from_entries(entries).alias(name))


def _empty_map(kind: str) -> Column:
    return F.create_map().cast(f"map<string,{kind}>")
