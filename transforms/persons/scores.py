"""Scores: what the clock has a say in of all that is known of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import TOTAL
from tactful.transforms.message_facts import by_machine
from tactful.transforms.persons.parts import side_by_side

A_YEAR, A_QUARTER = timedelta(days=365), timedelta(days=90)
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class ScoreRules:
    """What is called new, lately, often and much.

    recency_days, orders, revenue: four bounds each, ascending, between the scores 1 to 5.
    active_for, lapsing_for: after an order, one behind the other. history_from: when what is known
    of orders begins. valued_from: None where nobody says it.
    """

    recency_days: Sequence[int]
    orders: Sequence[int]
    revenue: Sequence[Decimal]
    new_for: timedelta
    active_for: timedelta
    lapsing_for: timedelta
    history_from: datetime | None
    valued_from: Decimal | None


def customer_scores(
    customers: DataFrame,
    orders: DataFrame,
    timeline: DataFrame,
    regrets: DataFrame | None,
    *,
    as_of: datetime,
    rules: ScoreRules,
) -> DataFrame:
    """Say of each customer where they stand now: how lately, how often, how much, how content.

    Keeps: one row a customer. Adds: the columns of `customer_scores`.
    customers: rows of `customers`. orders: see `orders_of`. timeline: rows with person_id.
    regrets: messages that a running purchase or contact would have stopped; None where no rule says
    so.
    """
    known = customers.select(
        "person_id", "orders", "first_order_at", "last_order_at", "revenue_total"
    )
    parts = [
        lately_kept(orders, as_of=as_of),
        recent_contacts(timeline, as_of=as_of),
        bad_experiences(timeline, regrets, as_of=as_of),
        opens_by_persons(timeline),
    ]
    whole = side_by_side(known, parts)
    kept = F.coalesce("revenue_365d", F.lit(0)).cast(TOTAL)
    # Of two moments the later one counts as now: a clock that was set back makes nobody younger.
    seconds = F.lit(as_of).cast("double") - F.col("last_order_at").cast("double")
    valued = F.lit(None).cast("boolean")
    if rules.valued_from is not None:
        valued = kept >= F.lit(rules.valued_from).cast(TOTAL)
    return whole.withColumn("recency_days", F.floor(seconds / DAY_SECONDS).cast("int")).select(
        "person_id",
        _lifecycle(as_of=as_of, rules=rules).alias("lifecycle"),
        "recency_days",
        (5 - _passed("recency_days", rules.recency_days, strictly=True)).alias("recency_score"),
        _if_ordered(1 + _passed("orders", rules.orders)).alias("frequency_score"),
        _if_ordered(1 + _passed("revenue_total", rules.revenue)).alias("money_score"),
        kept.alias("revenue_365d"),
        valued.alias("valued"),
        *(
            F.coalesce(name, F.lit(0)).cast("bigint").alias(name)
            for name in ("contacts_90d", "open_contacts", "bad_experiences_90d")
        ),
        F.coalesce("opens_observable", F.lit(True)).alias("opens_observable"),
        F.lit(as_of).alias("as_of"),
    )


def _lifecycle(*, as_of: datetime, rules: ScoreRules) -> Column:
    """Where a customer stands between never having ordered and having ceased to."""
    first, last = F.col("first_order_at"), F.col("last_order_at")
    is_new = first > F.lit(as_of - rules.new_for)
    if rules.history_from is not None:
        # Who ordered before the history begins looks as if they began with it.
        is_new &= first >= F.lit(rules.history_from + rules.new_for)
    return (
        F.when(last.isNull(), "prospect")
        .when(is_new, "new")
        .when(last > F.lit(as_of - rules.active_for), "active")
        .when(last > F.lit(as_of - rules.active_for - rules.lapsing_for), "lapsing")
        .otherwise("lapsed")
    )


def _passed(name: str, bounds: Sequence[int | Decimal], *, strictly: bool = False) -> Column:
    """How many of these bounds a number has reached, or left behind."""
    value = F.col(name)
    over = [(value > F.lit(bound)) if strictly else (value >= F.lit(bound)) for bound in bounds]
    return reduce(lambda a, b: a + b, (each.cast("int") for each in over))


def _if_ordered(score: Column) -> Column:
    return F.when(F.col("orders") > 0, score)


def lately_kept(orders: DataFrame, *, as_of: datetime) -> DataFrame:
    """What each person's orders of the last 365 days were worth. Adds: revenue_365d."""
    lately = orders.where(F.col("placed_at") > F.lit(as_of - A_YEAR))
    return lately.groupBy("person_id").agg(F.sum("value").try_cast(TOTAL).alias("revenue_365d"))


def recent_contacts(timeline: DataFrame, *, as_of: datetime) -> DataFrame:
    """Contacts with customer service of the last 90 days, and those that nobody has closed.

    A contact is closed by whoever names its number, at the moment it was opened or later; without a
    number nothing closes it. Adds: contacts_90d, open_contacts. Keeps: one row a person.
    """
    contacts = timeline.where("event_class = 'service'")
    closed = (
        contacts.where("type = 'contact_closed' AND contact_id IS NOT NULL")
        .groupBy("contact_id")
        .agg(F.max("occurred_at").alias("_closed_at"))
    )
    lately = F.col("occurred_at") > F.lit(as_of - A_QUARTER)
    opened = (
        contacts.where(
            (F.col("type") == "contact_opened") & F.col("person_id").isNotNull() & lately
        )
        .groupBy("person_id", F.coalesce("contact_id", "event_id").alias("_contact"))
        .agg(F.any_value("contact_id").alias("contact_id"), F.max("occurred_at").alias("_at"))
    )
    is_open = F.col("_closed_at").isNull() | (F.col("_closed_at") < F.col("_at"))
    return (
        opened.join(closed, "contact_id", "left")
        .groupBy("person_id")
        .agg(F.count("*").alias("contacts_90d"), F.count_if(is_open).alias("open_contacts"))
    )


def bad_experiences(
    timeline: DataFrame, regrets: DataFrame | None, *, as_of: datetime
) -> DataFrame:
    """How often in 90 days a person complained, or got a message that should not have been sent.

    Adds: bad_experiences_90d. Keeps: one row a person. A message that several rules would have
    stopped is one.
    """
    since = F.lit(as_of - A_QUARTER)
    complained = timeline.where((F.col("type") == "complained") & (F.col("occurred_at") > since))
    found = complained.select(
        "person_id", F.concat(F.lit("complained:"), "event_id").alias("_what")
    )
    if regrets is not None:
        sent = regrets.where(F.col("sent_at") > since)
        found = found.union(sent.select("person_id", F.concat(F.lit("sent:"), "message_id")))
    return (
        found.where(F.col("person_id").isNotNull())
        .groupBy("person_id")
        .agg(F.count_distinct("_what").alias("bad_experiences_90d"))
    )


def opens_by_persons(timeline: DataFrame) -> DataFrame:
    """Whether opens say anything of a person: not where all were made by machines.

    Adds: opens_observable. Keeps: one row a person with opens.
    """
    return (
        timeline.where((F.col("event_class") == "message") & (F.col("type") == "opened"))
        .where(F.col("person_id").isNotNull())
        .groupBy("person_id")
        .agg((~F.bool_and(by_machine())).alias("opens_observable"))
    )
