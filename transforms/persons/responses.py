"""Responses: which messages a person got on each channel, and what they made of them."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

COUNTS = ("sends", "deliveries", "opens", "clicks", "conversions", "unsubscriptions")
# A channel on which little was sent is believed less: as if so many more had been sent in vain.
IN_VAIN = 5


def responses(outcomes: DataFrame, timeline: DataFrame) -> DataFrame:
    """How often each person was sent, opened, clicked, bought and unsubscribed, channel by channel.

    The response rate is the share of sent messages that a person, no machine, opened or clicked.
    The preferred channel is that of the best rate, where five more count as sent in vain; of two of
    one rate the first by name.

    Keeps: one row a person with messages. Adds: a map for each of `COUNTS`, without zeros;
    response_rates, preferred_channel (null where nothing was answered).
    outcomes: messages with person_id. timeline: rows of
    somebody's, of it the unsubscriptions.
    """
    answered = F.col("opened_at").isNotNull() | F.col("clicked_at").isNotNull()
    sent = (
        outcomes.where(F.col("channel").isNotNull() & F.col("person_id").isNotNull())
        .groupBy("person_id", "channel")
        .agg(
            F.count("*").alias("sends"),
            F.count("delivered_at").alias("deliveries"),
            F.count("opened_at").alias("opens"),
            F.count("clicked_at").alias("clicks"),
            F.count("goal_reached_at").alias("conversions"),
            F.count_if(answered).alias("answered"),
        )
    )
    left = (
        timeline.where((F.col("event_class") == "consent") & (F.col("type") == "unsubscribed"))
        .where(F.col("channel").isNotNull())
        .groupBy("person_id", "channel")
        .agg(F.count("*").alias("unsubscriptions"))
    )
    numbers = (*COUNTS, "answered")
    both = sent.unionByName(left, allowMissingColumns=True).groupBy("person_id", "channel")
    summed = both.agg(*(F.coalesce(F.sum(n), F.lit(0)).alias(n) for n in numbers))
    per_channel = F.array_sort(F.collect_list(F.struct("channel", *numbers)))
    found = summed.groupBy("person_id").agg(per_channel.alias("_all"))
    return found.select(
        "person_id",
        *(_counts(name) for name in COUNTS),
        _rates().alias("response_rates"),
        _preferred().alias("preferred_channel"),
    )


def _counts(name: str) -> Column:
    some = F.filter("_all", lambda c: c[name] > 0)
    entries = F.transform(some, lambda c: F.struct(c["channel"], c[name]))
    return F.map_from_entries(entries).alias(name)


def _rates() -> Column:
    some = F.filter("_all", lambda c: c["sends"] > 0)
    share = F.transform(
        some,
        lambda c: F.struct(
            c["channel"], F.round(c["answered"].cast("double") / c["sends"].cast("double"), 4)
        ),
    )
    return F.map_from_entries(share)


def _preferred() -> Column:
    some = F.filter("_all", lambda c: c["answered"] > 0)
    ranked = F.transform(
        some,
        lambda c: F.struct(
            (-c["answered"].cast("double") / (c["sends"] + IN_VAIN).cast("double")).alias("worse"),
            c["channel"].alias("channel"),
        ),
    )
    return F.try_element_at(F.array_sort(ranked), F.lit(1))["channel"]
