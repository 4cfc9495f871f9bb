"""Places: what each person has heard, and is about to hear, as it counts in limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.schemas.words import AD
from tactful.transforms.calendars import window_at
from tactful.transforms.plans.limits import MIN_GAP, PLACE, PLACES, place_in

SENT, FAILED = "sent", "failed"
NO_CAPS: Mapping[str, timedelta] = MappingProxyType({})


def with_fate(emitted: DataFrame, timeline: DataFrame) -> DataFrame:
    """Find out what became of what was handed over to be sent.

    Its `sent` is the one that carries its decision, whenever that comes; else, of those that carry
    none, since many senders echo nothing of ours, the earliest of that person, channel and campaign
    from when it was handed over until its end. Where it failed, its place is free.

    Adds: message_id, sent_at (null until it was), is_failed. Keeps: all rows.
    emitted: decision_id, person_id, channel, campaign_id, emitted_at, expires_at.
    timeline: rows with person_id and the facts of their message.
    """
    told = timeline.where((F.col("stream") == "messages") & F.col("type").isin(SENT, FAILED))
    sent = told.where(F.col("type") == SENT).withColumn("_sent", F.struct(*ORDER, "message_id"))
    named = sent.where(F.col("decision_id").isNotNull()).select("decision_id", "_sent")
    unnamed = sent.where(F.col("decision_id").isNull()).select(
        F.col("person_id").alias("_whose"),
        F.col("channel").alias("_on"),
        F.col("campaign_id").alias("_of"),
        "_sent",
    )
    at = F.col("_sent.occurred_at")
    is_it = (
        (F.col("person_id") == F.col("_whose"))
        & (F.col("channel") == F.col("_on"))
        & (F.col("campaign_id") == F.col("_of"))
        & (at >= F.col("emitted_at"))
        & (F.col("expires_at").isNull() | (at < F.col("expires_at")))
    )
    likely = emitted.join(named, "decision_id", "left_anti").join(unnamed, is_it)
    both = named.unionByName(likely.select("decision_id", "_sent"))
    first = (
        both.groupBy("decision_id")
        .agg(F.min("_sent").alias("_sent"))
        .select("decision_id", "_sent.message_id", F.col("_sent.occurred_at").alias("sent_at"))
    )
    failed = told.where(F.col("type") == FAILED).select("message_id").distinct()
    fate = first.join(failed.withColumn("is_failed", F.lit(True)), "message_id", "left")
    return emitted.join(fate, "decision_id", "left").withColumn(
        "is_failed", F.coalesce("is_failed", F.lit(False))
    )


def places_of_plans(
    emitted: DataFrame, *, as_of: datetime, assumed_every: Mapping[str, timedelta] = NO_CAPS
) -> DataFrame:
    """The places of what was handed over: at its `sent`, else at the moment it was to be said.

    What failed, or has not been sent until its end, holds no place in a cap; the distance between
    two plans is kept from what did not fail, told as sent or not, and how often its policy has
    asked goes by decisions, whatever became of them. Who saw an ad, networks tell nobody: whoever
    is in an ad audience is assumed to see one every so often, as long as that lasts.

    Keeps: person_id. Adds: place. Grain: decision × limit that it counts in × assumed contact.
    emitted: see `with_fate`, with counts_in (see `limits_of`). assumed_every: of each cap how often
    somebody in an ad audience is assumed to have seen one.
    """
    at = F.coalesce("sent_at", "send_at")
    is_over = F.coalesce(F.col("expires_at") <= F.lit(as_of), F.lit(False))
    is_ad = F.col("channel") == AD
    is_heard = ~F.col("is_failed") & (F.col("sent_at").isNotNull() | ~is_over | is_ad)
    is_back = F.col("outcome") == "withdrawn"
    each = emitted.select(
        "person_id", "decision_id", at.alias("_at"), is_ad.alias("_is_ad"),
        F.when(is_back, F.col("as_of")).otherwise(F.col("expires_at")).alias("_until"),
        is_heard.alias("_is_heard"), (~F.col("is_failed") & ~is_back).alias("_may_be_heard"),
        F.explode("counts_in").alias("_limit"),
    )  # fmt: skip
    every = [F.when(F.col("_limit.name") == n, F.lit(span)) for n, span in assumed_every.items()]
    moments = F.array("_at")
    if every:
        span = F.coalesce(*every)
        last = F.greatest(F.col("_until") - F.expr("interval 1 microsecond"), F.col("_at"))
        moments = F.when(
            F.col("_is_ad") & span.isNotNull() & last.isNotNull(), F.sequence("_at", last, span)
        ).otherwise(moments)
    told = each.withColumn("_at", F.explode(moments))
    asks = F.col("_limit.name").contains(":")
    # Whether what was handed over was sent, many senders never tell; the next keeps its distance.
    keeps_apart = (F.col("_limit.name") == MIN_GAP) & F.col("_may_be_heard")
    return told.where(asks | F.col("_is_heard") | keeps_apart).select(
        "person_id",
        place_in(F.col("_limit"), F.col("_at"), decision_id=F.col("decision_id")).alias("place"),
    )


def places_of_messages(counted: DataFrame, planned: DataFrame, *, as_of: datetime) -> DataFrame:
    """The places of all messages that caps count but those that were planned here.

    Of those of one person and cap the newest suffice, as many as the cap allows anybody: what is to
    come is later than all of them.

    Keeps: person_id. Adds: place. Grain: message × cap.
    counted: see `counted_messages`. planned: message_id.
    """
    at = F.col("cause.occurred_at")
    newest = Window.partitionBy("person_id", "rule.name").orderBy(F.col("cause").desc())
    recent = (
        counted.where(at > F.lit(as_of) - F.col("rule.reach"))
        .join(planned, "message_id", "left_anti")
        .withColumn("_place", F.row_number().over(newest))
        .where(F.col("_place") <= F.col("rule.most"))
    )
    starts, ends = window_at(at)
    rolls = F.col("rule.calendar").isNull()
    place = F.struct(
        F.col("rule.name").alias("name"),
        F.unix_micros(at).alias("at"),
        F.when(~rolls, F.unix_micros(starts)).alias("starts_at"),
        F.unix_micros(F.when(rolls, at + F.col("rule.window")).otherwise(ends)).alias("ends_at"),
        F.lit(None).cast("string").alias("decision_id"),
        F.lit(None).cast("string").alias("own_id"),
    ).cast(PLACE)
    return recent.select("person_id", place.alias("place"))


def places_by_person(*places: DataFrame) -> DataFrame:
    """All places of each person in one list. Grain: place → person."""
    first, *others = places
    for other in others:
        first = first.unionByName(other)
    gathered = F.array_sort(F.collect_list("place")).cast(PLACES)
    return first.groupBy("person_id").agg(gathered.alias("places"))
