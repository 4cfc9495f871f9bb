"""The timeline: one row an event and line, with everything later steps ask of it."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import CLASSES, MONEY
from tactful.transforms.identity.links import is_manual_link


def to_timeline(events: DataFrame) -> DataFrame:
    """Lay every event out as one row a line, so that an order's products stand on their own.

    An amount that was not sent is quantity × unit price − discount; where tills write a return
    with a minus, its discount makes it smaller, too. What is ordered without a quantity is one; of
    what is taken back that says nothing of how much. An event without lines
    is one row of what it says itself, and acts on the line or product it names, or on every line
    where it names none. A word of the business on two identifiers is nobody's: it is nothing that
    either has done, and they may be two persons.

    Adds: line_number, quantity, amount, event_date, event_class, is_discounted, device_os, country,
    region, time_zone. Keeps: all canonical fields that are facts. Drops: lines, coupons, device,
    geo. Grain: event → event × line.
    events: wide canonical rows with stream, identifier_keys, anchor_key.
    """
    none = F.array().cast(events.schema["lines"].dataType)
    is_order = F.col("stream") == "purchases"
    lines = F.when(is_order, F.coalesce("lines", none)).otherwise(none)
    laid_out = events.select("*", F.posexplode_outer(lines).alias("_number", "_line"))
    return laid_out.withColumns(
        {
            "line_number": F.coalesce("_number", F.lit(0)),
            "anchor_key": F.when(~is_manual_link(), F.col("anchor_key")),
            "identifier_keys": F.when(~is_manual_link(), F.col("identifier_keys")).otherwise(
                F.array().cast("array<string>")
            ),
            "event_date": F.to_date("occurred_at"),
            "event_class": _event_class(),
            "line_id": F.coalesce("_line.line_id", "line_id"),
            "sku": F.when(F.col("_line").isNull(), F.col("sku")).otherwise(F.col("_line.sku")),
            "category": F.coalesce("_line.category", "category"),
            "quantity": F.col("_line.quantity"),
            "is_discounted": _is_discounted(),
            "device_os": F.lower(F.trim("device.os")),
            "country": F.col("geo.country"),
            "region": F.col("geo.region"),
            "time_zone": F.col("geo.time_zone"),
            "amount": F.when(F.col("_line").isNull(), F.col("amount")).otherwise(
                F.coalesce(F.col("_line.amount"), _priced(F.col("_line"), F.col("type")))
            ),
        }
    ).drop("_number", "_line", "lines", "device", "geo", "coupons")


def _is_discounted() -> Column:
    """Whether a line was bought at a discount; of an order with coupons every line is."""
    told = F.coalesce(F.abs("_line.discount") > 0, F.lit(False))
    with_coupon = F.coalesce(F.size("coupons") > 0, F.lit(False))
    return F.when(F.col("type") == "order_placed", told | with_coupon)


def _event_class() -> Column:
    """What an event is about, so that a batch need not read all that ever happened."""
    named = (F.when(F.col("type").isin(*types), name) for name, types in CLASSES.items())
    return F.coalesce(*named)


def _priced(line: Column, type_: Column) -> Column:
    discount = F.coalesce(line["discount"], F.lit(0).cast(MONEY))
    one = F.when(type_ == "order_placed", F.lit(1).cast(MONEY))
    gross = F.coalesce(line["quantity"], one) * line["unit_price"]
    smaller = F.when(gross < 0, -F.abs(discount)).otherwise(discount)
    return F.round(gross - smaller, 4).try_cast(MONEY)
