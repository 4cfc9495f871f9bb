"""Actions: what is proposed, on each channel that its policy may speak on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import TYPES
from tactful.transforms.decisions import with_decision_id
from tactful.transforms.identity.owners import named_after
from tactful.transforms.learned import likely, rates_of

# What is kept of a proposal for as long as it stands.
ABOUT = (
    "person_id", "policy", "cause", "step", "proposed_at", "expires_at", "skus", "content_id",
    "withdrawn_by", "evidence", "event",
)  # fmt: skip


@dataclass(frozen=True)
class Speech:
    """How a policy speaks.

    campaign_id: what its messages carry. starts_at: it acts on what happens from then on. is_picky:
    whether nothing is said to whom none of its contents is for. switch_to: the channels on which
    who never answers on its own ones is tried, see `switched`.
    """

    name: str
    when: str
    channels: Sequence[str]
    priority: int
    value: Decimal | None
    topic: str | None
    purpose: str
    campaign_id: str
    is_shadow: bool
    is_picky: bool = False
    lead: timedelta = timedelta()
    starts_at: datetime | None = None
    again_after: timedelta | None = None
    at_most: int | None = None
    switch_to: Sequence[str] = ()

    @property
    def again_micros(self) -> int | None:
        """`again_after` in microseconds."""
        return None if self.again_after is None else self.again_after // timedelta(microseconds=1)


def actions(proposals: DataFrame, pads: DataFrame, *, speeches: Sequence[Speech]) -> DataFrame:
    """Lay out what is proposed on each channel of its policy, and name each as a decision.

    Keeps: the columns `ABOUT`. Adds: channel, kind, priority, value, topic, purpose, campaign_id,
    is_shadow, lead_minutes, again_after (microseconds), at_most, place (among the channels that its
    policy may switch to; null on its own), decision_id, plan_id (of all channels of a step),
    occasion_id (of all steps of a cause). Drops: what happened before its policy starts, and what
    is meant for others. Grain: proposal × channel.
    proposals: one row a person × policy × cause × step, with is_wanted and content_id (see
    `with_conditions`). pads: see `with_decision_id`.
    """
    told = F.filter(
        F.array(*(_as_struct(one) for one in speeches)),
        lambda s: s["policy"] == F.col("policy"),
    )
    begun = F.col("_s.starts_at").isNull() | (F.col("cause.occurred_at") >= F.col("_s.starts_at"))
    is_for_them = ~F.col("_s.is_picky") | F.col("content_id").isNotNull()
    meant = proposals.where("is_wanted").select(*ABOUT, F.explode(told).alias("_s"))
    own = meant.where(begun & is_for_them)
    each = own.select(*ABOUT, "_s.spoken.*", F.explode("_s.channels").alias("_on")).select(
        "*", "_on.channel", "_on.place"
    )
    each = each.drop("_on")
    # What the calendar causes is one cause for everybody: there the person is a part of it.
    own_id = F.when(F.col("cause.stream").isin(*TYPES), F.col("cause.event_id")).otherwise(
        F.concat_ws(":", "cause.event_id", named_after())
    )
    named = F.struct(
        F.col("cause.occurred_at").alias("occurred_at"),
        F.col("cause.stream").alias("stream"),
        own_id.alias("event_id"),
    )
    each = each.withColumns({"_cause": F.col("cause"), "cause": named})
    one_for = {"plan_id": ("step",), "occasion_id": ()}
    for name, kept in one_for.items():
        asked = each.withColumns(
            {"_channel": F.col("channel"), "_step": F.col("step"), "channel": F.lit(None)}
        )
        if not kept:
            asked = asked.withColumn("step", F.lit(None).cast("int"))
        each = with_decision_id(asked, pads).withColumns(
            {"channel": F.col("_channel"), "step": F.col("_step")}
        )
        each = each.withColumnRenamed("decision_id", name).drop("_channel", "_step")
    return with_decision_id(each, pads).withColumn("cause", F.col("_cause")).drop("_cause")


def with_score(actions: DataFrame, customers: DataFrame, models: DataFrame) -> DataFrame:
    """Say what each message is expected to bring: the value of a response times how likely one is.

    How somebody answered on a channel counts the more the more they were sent on it; of whom little
    is known is thought what holds of everybody.

    Adds: response_rate (how likely they answer), score (null where its policy has no value).
    Keeps: all rows. Drops: value.
    customers: person_id, response_rates, sends. Grain: person. models: what was learned.
    """
    own = F.try_element_at("_rates", F.col("channel"))
    # Of who wants nothing chosen by it no rate is told, and they are as anybody.
    sends = F.when(own.isNotNull(), F.try_element_at("_sends", F.col("channel")))
    sends = F.coalesce(sends, F.lit(0))
    rate = likely(
        F.coalesce(own, F.lit(0.0)) * sends,
        sends,
        channel=F.col("channel"),
        rates=F.col("_learned"),
    )
    known = customers.select(
        "person_id", F.col("response_rates").alias("_rates"), F.col("sends").alias("_sends")
    )
    learned = rates_of(models).withColumnRenamed("rates", "_learned")
    joined = actions.join(known, "person_id", "left").crossJoin(F.broadcast(learned))
    score = F.round(F.col("value").cast("double") * F.col("response_rate"), 4)
    return (
        joined.withColumn("response_rate", rate)
        .withColumn("score", score)
        .drop("_rates", "_sends", "_learned", "value")
    )


def _as_struct(one: Speech) -> Column:
    spoken = {
        "kind": F.lit(one.when),
        "priority": F.lit(one.priority),
        "value": F.lit(one.value).cast("decimal(16,4)"),
        "topic": F.lit(one.topic).cast("string"),
        "purpose": F.lit(one.purpose),
        "campaign_id": F.lit(one.campaign_id),
        "is_shadow": F.lit(one.is_shadow),
        "lead_minutes": F.lit(one.lead // timedelta(minutes=1)),
        "again_after": F.lit(one.again_micros).cast("bigint"),
        "at_most": F.lit(one.at_most).cast("int"),
    }
    return F.struct(
        F.lit(one.name).alias("policy"),
        F.array(
            *(_channel(channel, None) for channel in one.channels),
            *(_channel(channel, place) for place, channel in enumerate(one.switch_to)),
        ).alias("channels"),
        F.lit(one.starts_at).cast("timestamp").alias("starts_at"),
        F.lit(one.is_picky).alias("is_picky"),
        F.struct(*(value.alias(name) for name, value in spoken.items())).alias("spoken"),
    )


def _channel(channel: str, place: int | None) -> Column:
    return F.struct(F.lit(channel).alias("channel"), F.lit(place).cast("int").alias("place"))
