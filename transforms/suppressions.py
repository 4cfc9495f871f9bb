"""Suppressions: what must not be said to whom, each as an interval with its cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.owners import is_person
from tactful.transforms.undo import ORDER, undone

MICROSECONDS_A_DAY = 86_400_000_000
ADDRESS_TYPES = {"email": "email", "sms": "phone", "call": "phone"}


def purchased(
    timeline: DataFrame,
    products: DataFrame,
    *,
    policy: str,
    match: str,
    lasts: timedelta | None,
    lasts_share: float | None,
    lifted_by: Sequence[str],
    channels: Sequence[str],
) -> DataFrame:
    """Do not offer somebody what they have just bought.

    It holds for `lasts`, or for a share of the product's own replenishment time where one is
    known, since milk is bought again sooner than a mattress. Cancelling, returning or refunding
    the line lifts it, also when that news came first.

    Keeps: one row a bought line × channel. Adds: the columns of `suppressions`, cause.
    timeline: rows with person_id. products: sku, category, brand, replenish_days.
    """
    about = products.select(
        "sku", F.col("category").alias("_category"), "brand", "replenish_days"
    )
    placed = timeline.where((F.col("type") == "order_placed") & is_person()).join(
        about, "sku", "left"
    )
    value = {
        "sku": F.col("sku"),
        "category": F.coalesce("category", "_category"),
        "brand": F.col("brand"),
        "all": F.lit(None).cast("string"),
    }[match]
    if match != "all":
        placed = placed.where(value.isNotNull())
    bought = placed.withColumns(
        {
            "cause": F.struct(*ORDER),
            "scope_value": value,
            "starts_at": F.col("occurred_at"),
            "_natural_end": _natural_end(lasts, lasts_share),
        }
    )
    lines = ["cause", "line_number"]
    lifts = (
        undone(bought, timeline, types=lifted_by)
        .where(F.col("undo.occurred_at") < F.coalesce("_natural_end", _forever()))
        .groupBy(*lines)
        .agg(F.min("undo").alias("_lift"))
    )
    ended = bought.join(lifts, lines, "left").withColumns(
        {
            "ends_at": F.when(
                F.col("_lift").isNotNull(), F.greatest("starts_at", "_lift.occurred_at")
            ).otherwise(F.col("_natural_end")),
            "lifted_by": named("_lift"),
            "evidence": F.array(named("cause")),
        }
    )
    return ended.transform(
        finish, policy=policy, reason="purchased", scope_kind=match, channels=channels
    )


def no_consent(timeline: DataFrame, *, policy: str) -> DataFrame:
    """Do not use a channel after its consent was withdrawn, until it is granted again.

    A withdrawal for all channels is lifted only by a grant for all channels. At the very same
    moment the withdrawal wins: doubt is silence.

    Keeps: one row a withdrawal. Adds: the columns of `suppressions`, cause.
    """
    purpose = F.coalesce("purpose", F.lit("marketing"))
    withdrawn = timeline.where(F.col("type") == "consent_withdrawn").withColumn(
        "scope_value", purpose
    )
    granted = timeline.where(F.col("type") == "consent_granted").select(
        F.col("person_id").alias("_person_id"),
        F.col("channel").alias("_channel"),
        purpose.alias("_purpose"),
        F.struct(*ORDER).alias("_lift"),
    )
    lifts = (
        (F.col("person_id") == F.col("_person_id"))
        & (F.col("scope_value") == F.col("_purpose"))
        & (
            F.col("_channel").isNull()
            | F.coalesce(F.col("_channel") == F.col("channel"), F.lit(False))
        )
    )
    return _until_lifted(withdrawn, granted, lifts, policy=policy, reason="no_consent")


def refused_channel(
    timeline: DataFrame, labels: DataFrame, *, policy: str, when: str
) -> DataFrame:
    """Do not market on a channel after somebody unsubscribed, complained, or the address died.

    Subscribing again lifts it. A hard bounce is about an address, so a new address lifts it too;
    an unsubscription and a complaint are about the person and stay.

    Keeps: one row an event. Adds: the columns of `suppressions`, cause.
    when: unsubscribed, bounced or complained. labels: newest label of every identifier.
    """
    refusals = timeline.where((F.col("stream") == "messages") & (F.col("type") == when))
    if when == "bounced":
        refusals = refusals.where(F.col("bounce") == "hard")
    refusals = refusals.withColumn("scope_value", F.lit("marketing"))
    lifts = timeline.where(F.col("type") == "subscribed").select(
        F.col("person_id").alias("_person_id"),
        F.col("channel").alias("_channel"),
        F.struct(*ORDER).alias("_lift"),
    )
    if when == "bounced":
        lifts = lifts.unionByName(_new_addresses(labels))
    same = (F.col("person_id") == F.col("_person_id")) & (F.col("channel") == F.col("_channel"))
    return _until_lifted(refusals, lifts, same, policy=policy, reason=when)


def _new_addresses(labels: DataFrame) -> DataFrame:
    linked = labels.where((F.col("state") == "linked") & F.col("person_id").isNotNull())
    kind = F.col("identifier_type")
    channels = F.array_compact(
        F.array(*(F.when(kind == t, F.lit(c)) for c, t in ADDRESS_TYPES.items()))
    )
    return linked.select(
        F.col("person_id").alias("_person_id"),
        F.explode(channels).alias("_channel"),
        F.struct(
            F.col("first_seen_at").alias("occurred_at"),
            F.lit("identifier").alias("stream"),
            F.col("identifier_key").alias("event_id"),
        ).alias("_lift"),
    )


def _until_lifted(
    causes: DataFrame, lifts: DataFrame, same: Column, *, policy: str, reason: str
) -> DataFrame:
    caused = causes.withColumns({"cause": F.struct(*ORDER), "starts_at": F.col("occurred_at")})
    later = F.col("_lift.occurred_at") > F.col("starts_at")
    first = (
        caused.select("cause", "person_id", "channel", "scope_value", "starts_at")
        .join(lifts, same & later)
        .groupBy("cause")
        .agg(F.min("_lift").alias("_lift"))
    )
    return (
        caused.join(first, "cause", "left")
        .withColumns(
            {
                "ends_at": F.col("_lift.occurred_at"),
                "lifted_by": named("_lift"),
                "evidence": F.array(named("cause")),
            }
        )
        .transform(finish, policy=policy, reason=reason, scope_kind="purpose", channels=None)
    )


def finish(
    rows: DataFrame,
    *,
    policy: str,
    reason: str,
    scope_kind: str,
    channels: Sequence[str] | None,
) -> DataFrame:
    """Give rows their policy, one row a channel, and the id that says nothing of the person."""
    if channels is not None:
        every = [None] if not channels else list(channels)
        choices = F.array(*(F.lit(c).cast("string") for c in every))
        rows = rows.drop("channel").withColumn("channel", F.explode(choices))
    described = rows.withColumns(
        {"policy": F.lit(policy), "reason": F.lit(reason), "scope_kind": F.lit(scope_kind)}
    )
    return described.withColumn("suppression_id", suppression_id()).select(
        "suppression_id", "person_id", "policy", "reason", "channel", "scope_kind", "scope_value",
        "starts_at", "ends_at", "lifted_by", "evidence", "cause",
    )  # fmt: skip


def suppression_id() -> Column:
    """Hash of what causes it and what it is about, never of a person: a merge keeps it."""
    parts = (
        F.col("policy"),
        named("cause"),
        F.coalesce(F.col("line_number").cast("string"), F.lit("")),
        F.coalesce("channel", F.lit("")),
        F.col("scope_kind"),
        F.coalesce("scope_value", F.lit("")),
        F.unix_micros("starts_at").cast("string"),
    )
    return F.substring(F.sha2(F.concat_ws("|", *parts), 256), 1, 32)


def _natural_end(lasts: timedelta | None, share: float | None) -> Column:
    fixed = F.lit(None).cast("timestamp")
    if lasts is not None:
        fixed = F.col("occurred_at") + F.lit(lasts)
    if share is None:
        return fixed
    own = F.floor(F.col("replenish_days") * F.lit(share) * F.lit(float(MICROSECONDS_A_DAY)))
    until = F.timestamp_micros(F.unix_micros("occurred_at") + own.cast("bigint"))
    return F.when(F.col("replenish_days").isNotNull(), until).otherwise(fixed)


def named(sight: str) -> Column:
    """How evidence names an event: stream:event_id."""
    name = F.concat_ws(":", F.col(f"{sight}.stream"), F.col(f"{sight}.event_id"))
    return F.when(F.col(sight).isNotNull(), name)


def _forever() -> Column:
    return F.lit("9999-12-31 00:00:00").cast("timestamp")
