"""Refusals: channels that somebody has turned down, and what opens them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.schemas.words import ALL
from tactful.transforms.addresses import lifting_addresses
from tactful.transforms.closings import is_closing
from tactful.transforms.consents import consents, unless_all, without_repeats
from tactful.transforms.identity.owners import is_person
from tactful.transforms.rules.rule import Facts, Policy, Reads
from tactful.transforms.rules.suppressions import named, with_id

REFUSALS = ("unsubscribed", "bounced", "complained")
CAUSE = ("person_id", "reason", "cause", "scope_value")


@dataclass(frozen=True)
class NoOptions:
    """Nothing to choose: what somebody has said holds as they said it."""


def reads(options: Any, *, slowest: Callable[[], float | None]) -> Reads:
    """What somebody has said about a channel stands until it is taken back, however old it is."""
    return {"consent": None}


def rows(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    """All configured refusals in one pass."""
    return refused(
        facts.timeline, facts.labels, policies=[(policy.name, policy.when) for policy in policies]
    )


def refused(
    timeline: DataFrame, labels: DataFrame, *, policies: Sequence[tuple[str, str]]
) -> DataFrame:
    """Do not use a channel that somebody has turned down, or whose address is dead.

    A withdrawn consent holds until it is granted again; one for all channels only until a grant for
    all channels. Signals that say the same with every page count once (see `without_repeats`). An
    unsubscription, a complaint and a hard bounce hold until the person subscribes again; one for
    all channels, also one in a word that nobody knew, until they subscribe to all. A bounce is
    about an address, so another valid one lifts it, too (see `addresses`), while the others are
    about the person and stay. One that names another channel than its message is about both, until
    both are opened again. At the very same moment the refusal wins: doubt is silence.

    Keeps: one row a person × refusing event × purpose × policy. Adds: the columns of
    `suppressions`, cause.
    timeline: rows with person_id, each closing once for everybody it closes for and on each of its
    channels (see `closings`), and the `sent` of every message that bounced. labels: newest
    label of the persons' identifiers and of those that these events carry.
    policies: pairs (name, when) with when no_consent, unsubscribed, bounced or complained.
    """
    own = timeline.where(is_person())
    said = consents(own)
    causes = _withdrawals(said).unionByName(_refusals(own))
    lifts = causes.join(_opening_words(own, said), _lifts()).select(*CAUSE, "channel", "_lift")
    if "bounced" in {when for _, when in policies}:
        lifts = lifts.unionByName(_moves(timeline, labels))
    ruled = F.array(
        *(F.struct(F.lit(n).alias("policy"), F.lit(w).alias("when")) for n, w in policies)
    )
    return (
        _with_all_channels(causes, lifts)
        .withColumn("rule", F.explode(ruled))
        .where(F.col("rule.when") == F.col("reason"))
        .select(
            "person_id",
            F.col("rule.policy").alias("policy"),
            "reason",
            "channels",
            F.lit("purpose").alias("scope_kind"),
            F.array("scope_value").alias("scope_values"),
            F.col("cause.occurred_at").alias("starts_at"),
            F.col("_lift.occurred_at").alias("ends_at"),
            named("_lift").alias("lifted_by"),
            F.array(named("cause")).alias("evidence"),
            "cause",
            F.lit(None).cast("int").alias("line_number"),
        )
        .transform(with_id)
    )


def _with_all_channels(causes: DataFrame, lifts: DataFrame) -> DataFrame:
    """One row a cause: all its channels (none: every one), and what opened the last of them.

    Adds: channels, _lift (null while one of them is closed). Drops: channel.
    """
    first = lifts.groupBy(*CAUSE, "channel").agg(F.min("_lift").alias("_lift"))
    words = first.unionByName(causes, allowMissingColumns=True)
    per_channel = F.struct("channel", "_lift")
    grouped = words.groupBy(*CAUSE).agg(F.collect_set(per_channel).alias("_said"))
    channels = F.array_distinct(F.transform("_said", lambda said: said["channel"]))
    opened = F.filter("_said", lambda said: said["_lift"].isNotNull())
    last = F.array_max(F.transform(opened, lambda said: said["_lift"]))
    closed = F.transform(channels, unless_all)
    return grouped.select(
        *CAUSE,
        F.when(F.exists(closed, lambda channel: channel.isNull()), F.array())
        .otherwise(F.array_sort(closed))
        .alias("channels"),
        F.when(F.size(opened) == F.size(channels), last).alias("_lift"),
    )


def _withdrawals(said: DataFrame) -> DataFrame:
    return (
        said.transform(without_repeats)
        .where("NOT is_granted")
        .select(
            "person_id",
            "channel",
            F.lit("no_consent").alias("reason"),
            F.struct(*ORDER).alias("cause"),
            F.col("purpose").alias("scope_value"),
        )
    )


def _refusals(own: DataFrame) -> DataFrame:
    return own.where(F.col("type").isin(*REFUSALS) & is_closing()).select(
        "person_id",
        "channel",
        F.col("type").alias("reason"),
        F.struct(*ORDER).alias("cause"),
        F.lit("marketing").alias("scope_value"),
    )


def _opening_words(own: DataFrame, said: DataFrame) -> DataFrame:
    """Grants and subscriptions: what a person said that opens a channel again."""
    granted = said.where("is_granted").select(
        F.col("person_id").alias("_person_id"),
        F.col("channel").alias("_channel"),
        F.col("purpose").alias("_purpose"),
        lift(*ORDER, place=0).alias("_lift"),
    )
    subscribed = own.where(F.col("type") == "subscribed").select(
        F.col("person_id").alias("_person_id"),
        F.col("channel").alias("_channel"),
        F.lit(None).cast("string").alias("_purpose"),
        lift(*ORDER, place=0).alias("_lift"),
    )
    return granted.unionByName(subscribed)


def _lifts() -> Column:
    """Whether a word ends a refusal."""
    is_grant = F.col("_purpose").isNotNull()
    same_channel = F.col("_channel").eqNullSafe(F.col("channel"))
    grants = (
        (F.col("reason") == "no_consent")
        & (F.col("_purpose") == F.col("scope_value"))
        & (F.col("_channel").isNull() | same_channel)
    )
    every = F.coalesce(F.col("_channel") == ALL, F.lit(False))
    subscribes = ~is_grant & (F.col("reason") != "no_consent") & (same_channel | every)
    later = F.col("_lift.occurred_at") > F.col("cause.occurred_at")
    return (F.col("person_id") == F.col("_person_id")) & later & ((is_grant & grants) | subscribes)


def _moves(timeline: DataFrame, labels: DataFrame) -> DataFrame:
    """Bounces that another address of the person lifts."""
    return lifting_addresses(timeline, labels).select(
        "person_id",
        F.lit("bounced").alias("reason"),
        "cause",
        F.lit("marketing").alias("scope_value"),
        "channel",
        lift(
            F.col("valid_at").alias("occurred_at"),
            F.lit("identifier").alias("stream"),
            F.col("identifier_key").alias("event_id"),
            place=1,
        ).alias("_lift"),
    )


def lift(occurred_at: Column | str, *event: Column | str, place: int) -> Column:
    """What ends a refusal; of two at one moment the person's own word is named."""
    return F.struct(occurred_at, F.lit(place).alias("place"), *event)
