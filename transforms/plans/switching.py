"""Switching: whom to try on another channel, since they never answer where they are spoken to."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.transforms.plans.barred import BARS

UNANSWERED = "unanswered"
# On these who reads is seen to open; elsewhere an answer that nobody could see is none.
OPENED = ("email", "push")
# After so many messages that arrived and were not answered somebody does not read that channel.
IN_VAIN = 8
# What is asked of a customer beside their response rates.
ASKED = ("deliveries", "conversions", "valued", "opens_observable")


def switched(actions: DataFrame, customers: DataFrame, told: DataFrame) -> DataFrame:
    """Try valued customers who never answer on the channel that they are likeliest to answer on.

    Who answers on none of a plan's own channels, where an answer would have been seen, is spoken to
    on one of those it may switch to, unless something speaks against each of them: then it stays as
    it was. Where all their opens were made by machines, nobody knows that they did not answer. Who
    was told a plan already, on whichever channel, is tried on no other.

    Changes: bars, of what is not said on a plan's own channels. Keeps: what is on its own channels,
    what was handed over, and of each other plan one that it switches to. Drops: place.
    actions: with bars, response_rate, place (null on its own channels, else the place among those
    that it may switch to), `was` (the standing plan: emitted_at; null without one).
    customers: person_id, response_rates and `ASKED`. Grain: person. told: plan_id and place of all
    that was said of these plans.
    """
    known = customers.select("person_id", "response_rates", *ASKED).withColumnsRenamed(
        {name: f"_{name}" for name in ("response_rates", *ASKED)}
    )
    channel = F.col("channel")

    def of(name: str) -> Column:
        return F.try_element_at(f"_{name}", channel)

    is_silent = (
        channel.isin(*OPENED)
        & (F.coalesce(of("deliveries"), F.lit(0)) >= IN_VAIN)
        # Of who wants nothing chosen by it no rate is told: that is not none.
        & F.coalesce(of("response_rates") == 0.0, F.lit(False))
        & (F.coalesce(of("conversions"), F.lit(0)) == 0)
        & F.coalesce("_opens_observable", F.lit(False))
        & F.coalesce("_valued", F.lit(False))
    )
    is_own = F.col("place").isNull()
    plan = Window.partitionBy("person_id", "plan_id")
    likeliest = F.struct(
        F.col("response_rate").alias("rate"), (-F.col("place")).alias("first"), "channel"
    )
    is_free = ~is_own & (F.size("bars") == 0)
    before = told.groupBy("plan_id").agg(
        F.bool_or(F.col("place").isNotNull()).alias("_was_switched")
    )
    both = actions.join(known, "person_id", "left").join(before, "plan_id", "left")
    asked = both.withColumns(
        {
            "_is_silent": F.bool_and(F.when(is_own, is_silent)).over(plan),
            "_best": F.max(F.when(is_free, likeliest)).over(plan),
        }
    )
    may_switch = F.coalesce("_is_silent", F.lit(False)) & F.col("_best").isNotNull()
    switches = F.coalesce("_was_switched", may_switch)
    is_next = F.col("_was_switched").isNull() & switches & (channel == F.col("_best.channel"))
    bar = F.array(
        F.struct(
            F.lit(UNANSWERED).alias("reason"),
            F.lit(UNANSWERED).alias("policy"),
            F.lit(None).cast("timestamp").alias("ends_at"),
            F.array().cast("array<string>").alias("evidence"),
        )
    ).cast(BARS)
    bars = F.when(is_own & switches, F.concat("bars", bar)).otherwise(F.col("bars"))
    kept = asked.where(is_own | F.col("was.emitted_at").isNotNull() | is_next)
    return kept.withColumn("bars", bars).select(
        *(name for name in actions.columns if name != "place")
    )
