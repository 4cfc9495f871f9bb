"""Settled lines: what was bought, and what of it was taken back, by which events."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER, REVERSALS
from tactful.transforms.allotting import IN_ORDER, OF_PERSON, TAKEN, back
from tactful.transforms.identity.owners import is_person

LINE = ("order_id", "line_number")
# Quantities and money are counted in ten-thousandths: whole numbers are shared out exactly.
PARTS = 10_000
GOODS = """type <> 'order_refunded' OR amount IS NULL
    OR coalesce(quantity <> 0, false) AND (line_id IS NOT NULL OR sku IS NOT NULL)"""
MOST_OF_AN_ORDER = 4 * 10**18


def settled_lines(timeline: DataFrame, *, currency: str, has_reversals: bool = True) -> DataFrame:
    """Say of every bought line what it cost, and what took how much of it back.

    An order that was sent more than once was placed when first sent, and is theirs whom it first
    names. What it cost is what all its lines tell together (see `first_placed`). A line without
    quantity, or with 0, is one unit; a weighed one is what it weighs. Of what
    is taken back the sign does not matter, since tills differ in it.

    What names an order that was placed acts on that order, whoever sent it and whenever: a
    warehouse that cancels an order knows its number, not the customer. What names an order that
    nobody placed acts on what its own person had bought of the product before, as far as it is
    not taken back under its own number. How it is shared out: see `allotting`.

    Keeps: one row a line of an order's first placing. Adds: units and paid in ten-thousandths,
    currency (never null), taken (the shares taken back: event, type, number of the order that
    the event names, whether goods came back, units, money). Drops: all other rows.
    timeline: one row an event and line, with person_id and anchor_key. currency: of orders that
    name none.
    has_reversals: whether anything was taken back; without it sharing out is not even planned.
    """
    placed = first_placed(timeline).select(
        "person_id", *ORDER, *LINE, "line_id", "sku", "category", "campaign_id", "place",
        "store_id", "source", "is_discounted", "quantity", "amount",
        F.coalesce("currency", F.lit(currency)).alias("currency"),
        _parts("if(quantity <> 0, abs(quantity), 1)").alias("units"),
        "paid",
        F.expr(f"CAST(array() AS {TAKEN})").alias("taken"),
    )  # fmt: skip
    if not has_reversals:
        return placed
    reversals = _reversals(timeline)
    by_number = _share_out(placed, _by_number(reversals), on=["order_id"], how=IN_ORDER)
    others = reversals.join(placed.select("order_id"), "order_id", "left_anti")
    own = ["person_id", "sku"]
    return _share_out(by_number, _by_person(others), on=own, how=OF_PERSON)


def first_placed(timeline: DataFrame) -> DataFrame:
    """Every order as it was when first sent, with the person whom it first names.

    A till may send an order before anybody knows whose it is, and the shop says so later. A placing
    with any identifier names somebody, also where that is a hub: a fact of the event alone, so that
    no order changes hands because somebody else's identifiers do.

    Keeps: the lines of each order's first order_placed; person_id is that of its first placing that
    names anybody. Adds: paid, what each line cost in ten-thousandths. Drops: all other rows.
    """
    event_ref = F.struct(*ORDER)
    order = Window.partitionBy("order_id")
    names = F.coalesce("person_id", "anchor_key").isNotNull()
    placed = timeline.where(F.col("type") == "order_placed").withColumns(
        {
            "_first": F.min(event_ref).over(order),
            "person_id": F.min_by("person_id", F.when(names, event_ref)).over(order),
        }
    )
    return placed.where(event_ref == F.col("_first")).drop("_first").transform(_with_paid)


def _with_paid(placed: DataFrame) -> DataFrame:
    """Adds: paid, what each line cost in ten-thousandths.

    A voucher, or whatever else is told as a line of a negative amount, lowers what the order's
    other lines cost, each by its part, and none below nothing; parts are cut so that from the first
    line on they add up. Nobody is paid for an order.
    """
    order = Window.partitionBy("order_id")
    so_far = order.orderBy("line_number").rowsBetween(Window.unboundedPreceding, 0)
    own = f"CAST(if(amount > 0, amount, 0) * {PARTS} AS DECIMAL(19, 0))"
    off = f"CAST(if(amount < 0, -amount, 0) * {PARTS} AS DECIMAL(19, 0))"
    known = (
        placed.withColumns({"_own": F.expr(own), "_off": F.expr(off)})
        .withColumns({"_all": F.sum("_own").over(order), "_off": F.sum("_off").over(order)})
        .withColumn("_upto", F.sum("_own").over(so_far))
    )
    part = "CAST(least(_off, _all) AS DECIMAL(19, 0)) * CAST({} AS DECIMAL(19, 0)) div _all"
    lowered = f"_own - ({part.format('_upto')} - {part.format('(_upto - _own)')})"
    # Beyond, the products do not fit; no order costs so much.
    is_lowered = f"_off > 0 AND _own > 0 AND _all <= {MOST_OF_AN_ORDER}"
    paid = F.expr(f"CAST(if({is_lowered}, {lowered}, _own) AS BIGINT)")
    return known.withColumn("paid", paid).drop("_own", "_off", "_all", "_upto")


def purchased_lines(lines: DataFrame) -> DataFrame:
    """The lines by which something was bought. One of a negative amount only lowers the others.

    Keeps: the other lines, all columns. lines: see `settled_lines`.
    """
    return lines.where("amount IS NULL OR amount >= 0")


def is_cancelled() -> Column:
    """Whether all of a settled line was cancelled."""
    return back("units", ["order_cancelled"]) >= F.col("units")


def _reversals(timeline: DataFrame) -> DataFrame:
    """Every cancellation, return and refund, one row an event and line, without its signs.

    Adds: units and money in ten-thousandths, null where the event does not say; goods, whether
    things come back and not money alone: not by a refund that tells an amount, unless it tells
    the quantity of a line or product, too.
    """
    rows = timeline.where(F.col("type").isin(*REVERSALS) & F.col("order_id").isNotNull())
    return rows.select(
        "person_id", "order_id", F.struct(*ORDER).alias("event"), "line_number", "type",
        "line_id", "sku", "currency",
        _parts("if(quantity <> 0, abs(quantity), NULL)").alias("units"),
        _parts("abs(amount)").alias("money"),
        F.expr(GOODS).alias("goods"),
    )  # fmt: skip


def _by_number(reversals: DataFrame) -> DataFrame:
    """What acts on each order: what names a line first, then what names a product, then the rest.

    So money that names nothing is taken from what the named has left, whenever it was heard of.
    """
    names = F.when(F.col("line_id").isNotNull(), 0).when(F.col("sku").isNotNull(), 1).otherwise(2)
    take = F.struct(
        names.alias("names"), "event", "line_number", "type", "line_id", "sku", "units", "money",
        "currency", "goods", F.col("order_id").alias("number"),
    )  # fmt: skip
    return reversals.groupBy("order_id").agg(F.sort_array(F.collect_list(take)).alias("takes"))


def _by_person(reversals: DataFrame) -> DataFrame:
    """What each person took back of a product under numbers that nobody placed.

    A return and its refund under one number are one matter, as old as the first of them.
    """
    matter = Window.partitionBy("order_id", "sku")
    dated = reversals.withColumn("since", F.min("event").over(matter))
    take = F.struct(
        "since", F.col("order_id").alias("number"), "event", "line_number", "type", "units",
        "money", "currency", "goods",
    )  # fmt: skip
    own = dated.where(F.col("sku").isNotNull() & is_person())
    return own.groupBy("person_id", "sku").agg(F.sort_array(F.collect_list(take)).alias("takes"))


def _share_out(lines: DataFrame, reversals: DataFrame, *, on: list[str], how: str) -> DataFrame:
    """Add to each line's `taken` what these events take of it; most lines meet none.

    takes: the columns in `on`, and takes, in the order in which they choose. how: the SQL that
    shares them out over an array of lines, the latest first.
    """
    left = [(F.col(name) - back(name)).alias(name) for name in ("units", "paid")]
    line = F.struct(
        F.struct(*ORDER).alias("event"), "line_number", "order_id", "line_id", "sku", "currency",
        *left,
    )  # fmt: skip
    shared = (
        lines.join(reversals, on)
        .groupBy(*on)
        .agg(
            F.any_value("takes").alias("takes"),
            F.sort_array(F.collect_list(line), asc=False).alias("lines"),
        )
        .select(F.explode(F.expr(how)).alias("_line"))
        .where("size(_line.taken) > 0")
        .select("_line.order_id", "_line.line_number", F.col("_line.taken").alias("_more"))
    )
    more = F.expr("if(_more IS NULL, taken, concat(taken, _more))")
    return lines.join(shared, [*LINE], "left").withColumn("taken", more).drop("_more")


def _parts(amount: str):
    return F.expr(f"CAST({amount} * {PARTS} AS BIGINT)")
