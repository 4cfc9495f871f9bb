"""fatigued: let somebody rest who has long answered nothing, or was annoyed too often."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import CHANNELS, ORDER
from tactful.transforms.identity.owners import is_person
from tactful.transforms.options import option
from tactful.transforms.rules.rule import Facts, Fault, Policy, Reads, Rule, in_words
from tactful.transforms.rules.suppressions import channel_list, scope_part, with_id

# What is known of a message by which its silence is no answer.
TOLD = ("opened", "clicked", "failed", "bounced")


@dataclass(frozen=True, kw_only=True)
class Fatigued:
    """Let somebody rest who answers nothing or is annoyed: how often, in what time, how long."""

    limit: int | None = option(
        "Marketing rests once more messages than this went unanswered in `window`.", default=None
    )
    bad_limit: int | None = option(
        "Marketing rests once somebody had more bad experiences than this in `window`: marketing "
        "sent although a rule purchased, price_regret, unfulfilled or service_open spoke against "
        "it, an order that is late by a rule unfulfilled, a complaint.",
        default=None,
    )
    window: timedelta = option("The window in which these count together, rolling.")
    rest: timedelta = option("How long marketing rests.")
    unanswered_after: timedelta = option(
        "How long after it was sent a message is unanswered that nobody opened or clicked.",
        default=timedelta(days=3),
    )
    counted_channels: tuple[str, ...] = option(
        "The channels whose messages count: those on which an answer can be seen.",
        default=("email",),
        allowed=CHANNELS,
    )
    channels: tuple[str, ...] = option(
        "The channels it holds for; empty means all.", default=(), allowed=CHANNELS
    )


def fatigued(
    timeline: DataFrame, experiences: DataFrame | None, *, policies: Sequence[Policy]
) -> DataFrame:
    """Let somebody rest who has answered none of many messages, or was annoyed too often.

    A marketing message is unanswered `unanswered_after` its sending, where no person opened or
    clicked it until then; at that moment it counts. One that a machine opened says nothing, also
    where a person may have opened it beside the machine, which nobody knows; and one that failed
    or bounced did not arrive. A bad experience counts when it was made. From each of one
    kind that counts beyond its limit in the window (t − window, t] marketing rests for `rest`. What
    is sent during the rest counts, too, but never since it was: what others send against it is no
    reason to begin again.

    Keeps: one row a person's message or experience that is too many × policy. Adds: the columns
    of `suppressions`, cause.
    timeline: rows with person_id and the facts of their message; of each message all there are.
    experiences: see `bad_experiences`; None where no policy goes by them.
    """
    limits = [(policy.options.limit, policy.options.bad_limit) for policy in policies]
    most = max(limit for both in limits for limit in both if limit is not None)
    kinds = []
    if any(limit is not None for limit, _ in limits):
        sent = _with_rules(_unanswered(timeline), policies, limit="limit").withColumn(
            "_at", F.col("cause.occurred_at") + F.col("rule.unanswered_after")
        )
        is_counted = F.array_contains("rule.counted_channels", F.col("channel"))
        kinds.append(sent.where(is_counted).where("told_at IS NULL OR told_at > _at"))
    if experiences is not None:
        made = _with_rules(experiences, policies, limit="bad_limit")
        kinds.append(made.withColumnRenamed("at", "_at"))
    too_many = (
        _too_many(kind.select("person_id", "cause", "rule", "_at"), most=most) for kind in kinds
    )
    return (
        reduce(DataFrame.unionByName, too_many)
        .select(
            "person_id",
            F.col("rule.policy").alias("policy"),
            F.lit("fatigued").alias("reason"),
            F.col("rule.channels").alias("channels"),
            F.array(scope_part(F.lit("purpose"), F.array(F.lit("marketing")))).alias("scope"),
            F.col("_at").alias("starts_at"),
            (F.col("_at") + F.col("rule.rest")).alias("ends_at"),
            F.lit(None).cast("string").alias("lifted_by"),
            F.transform("_lately", lambda one: _name(one["cause"])).alias("evidence"),
            "cause",
            F.lit(None).cast("int").alias("line_number"),
        )
        .transform(with_id)
    )


def _with_rules(rows: DataFrame, policies: Sequence[Policy], *, limit: str) -> DataFrame:
    """Each row by every policy that has a limit of this name. Adds: rule."""
    having = [policy for policy in policies if getattr(policy.options, limit) is not None]
    every = F.array(*(_as_struct(policy, limit) for policy in having))
    return rows.select("*", F.explode(every).alias("rule"))


def _too_many(counts: DataFrame, *, most: int) -> DataFrame:
    """Those that are more than the limit in the window. Adds: _lately, with those before it.

    counts: person_id, rule, _at, cause. most: the highest limit.
    """
    in_order = Window.partitionBy("person_id", "rule.policy").orderBy("_at", "cause")
    newest = F.collect_list(F.struct("_at", "cause")).over(in_order.rowsBetween(-most, 0))
    size = F.col("rule.limit") + 1
    return (
        counts.withColumn("_lately", newest)
        .where(F.size("_lately") >= size)
        .withColumn("_lately", F.slice("_lately", -size, size))
        .where(F.get("_lately", 0)["_at"] > F.col("_at") - F.col("rule.window"))
    )


def _unanswered(timeline: DataFrame) -> DataFrame:
    """Every marketing message at its first sending to a person, and what became of it first.

    Keeps: person_id, message_id, channel, cause (its sending). Adds: told_at, when it was first
    opened, by a person or a machine, clicked, failed or bounced. Grain: person × message.
    """
    own = timeline.where(
        (F.col("stream") == "messages") & F.col("message_id").isNotNull() & is_person()
    )
    is_sent, told = F.col("type") == "sent", F.col("type").isin(*TOLD)
    is_marketing = F.coalesce("purpose", F.lit("marketing")) == "marketing"
    event_ref = F.struct(*ORDER)
    return (
        own.where(is_marketing)
        .groupBy("person_id", "message_id")
        .agg(
            F.min(F.when(is_sent, event_ref)).alias("cause"),
            F.min_by("channel", F.when(is_sent, event_ref)).alias("channel"),
            F.min(F.when(told, F.col("occurred_at"))).alias("told_at"),
        )
        .where("cause IS NOT NULL")
    )


def _name(event_ref: Column) -> Column:
    return F.concat_ws(":", event_ref["stream"], event_ref["event_id"])


def _as_struct(policy: Policy, limit: str) -> Column:
    chosen: Fatigued = policy.options
    return F.struct(
        F.lit(policy.name).alias("policy"),
        F.lit(getattr(chosen, limit)).cast("int").alias("limit"),
        F.lit(chosen.window).alias("window"),
        F.lit(chosen.rest).alias("rest"),
        F.lit(chosen.unanswered_after).alias("unanswered_after"),
        channel_list(chosen.counted_channels).alias("counted_channels"),
        channel_list(chosen.channels).alias("channels"),
    )


def _rows(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    return fatigued(facts.timeline, facts.experiences, policies=policies)


def _reads(chosen: Fatigued, *, slowest: Callable[[], float | None]) -> Reads:
    """The oldest message, or complaint, of those that begin a rest which still lasts."""
    return {"message": chosen.rest + chosen.window + chosen.unanswered_after, "consent": None}


def _judges(chosen: Fatigued) -> timedelta | None:
    return None if chosen.bad_limit is None else chosen.rest + chosen.window


def _faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    if given.get("counted_channels") == []:
        yield Fault("counted_channels", "at least one channel")
    if "limit" not in given and "bad_limit" not in given:
        yield Fault("limit", "a whole number from 1", "or bad_limit, of bad experiences")
    for key in ("counted_channels", "unanswered_after"):
        if key in given and "limit" not in given:
            yield Fault(key, "no such key without limit")


def _oddities(chosen: Fatigued) -> Iterator[str]:
    if chosen.limit is not None and chosen.unanswered_after > chosen.window:
        yield (
            f"unanswered_after ({in_words(chosen.unanswered_after)}) is longer than window "
            f"({in_words(chosen.window)}), in which messages count together only from then on"
        )


def _says(chosen: Fatigued) -> str:
    counted = (
        (chosen.limit, "messages went unanswered"), (chosen.bad_limit, "bad experiences were made"),
    )  # fmt: skip
    words = [f"more than {limit} {what}" for limit, what in counted if limit is not None]
    return f"{' or '.join(words)} in {in_words(chosen.window)}"


RULE = Rule(
    when="fatigued",
    doc="Let somebody rest who has answered none of many messages, or was annoyed too often.",
    precedence=130,
    options=Fatigued,
    stream="messages",
    reads=_reads,
    rows=_rows,
    says=_says,
    lifts=lambda _: "nothing but time: it ends when marketing has rested",
    faults=_faults,
    oddities=_oddities,
    judges=_judges,
)
