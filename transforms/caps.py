"""Frequency caps: how often somebody was contacted, and when the limit was reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.schemas.suppressions import SCOPE
from tactful.schemas.words import ALL
from tactful.transforms.about import with_topics
from tactful.transforms.calendars import CALENDARS, window_at
from tactful.transforms.identity.owners import is_person
from tactful.transforms.message_facts import by_machine
from tactful.transforms.persons.zones import zones_by_then
from tactful.transforms.rules.suppressions import channel_list, with_id


@dataclass(frozen=True)
class CapRule:
    """At most `limit` messages of these channels, purposes, topics and campaigns in a window.

    The window is rolling, `window` long, or a `calendar`'s day, week or month, in `zone` or, where
    that is None, in the customer's own; a week starts on weekday `week_starts` (0 is Monday). No
    channels, topics or campaigns stand for all of them. Exempt messages are never held; they count
    only where `exempt_counts`. relaxed: of the customers for whom a condition holds (see `parse`)
    the limit of the first; plans go by it, suppressions and pressure by `limit`. drops: what finds
    no place at its moment is not said at all.
    """

    name: str
    channels: Sequence[str]
    purposes: Sequence[str]
    limit: int
    window: timedelta | None
    counts: str
    calendar: str | None = None
    zone: str | None = None
    week_starts: int = 0
    topics: Sequence[str] = ()
    campaigns: Sequence[str] = ()
    exempt_topics: Sequence[str] = ()
    exempt_campaigns: Sequence[str] = ()
    exempt_counts: bool = False
    relaxed: Sequence[tuple[str, int]] = ()
    drops: bool = False

    @property
    def most(self) -> int:
        """The highest limit that it has for anybody."""
        return max([self.limit, *(limit for _, limit in self.relaxed)])

    @property
    def needs_zones(self) -> bool:
        """Whether it asks where each customer lives."""
        return self.calendar is not None and self.zone is None

    @property
    def needs_topics(self) -> bool:
        """Whether it asks what a message is about to know whether it counts."""
        return bool(self.topics or (self.exempt_topics and not self.exempt_counts))

    @property
    def reach(self) -> timedelta:
        """How long ago a message may be that it still counts, at most."""
        return self.window or timedelta(days=CALENDARS[self.calendar or "month"])


def counted_messages(
    timeline: DataFrame,
    contents: DataFrame,
    campaigns: DataFrame,
    *,
    rules: Sequence[CapRule],
    time_zone: str = "UTC",
) -> DataFrame:
    """List the messages that each cap counts: each once, at its first event of the type.

    A message repeated by its sender is still one message; an opening by a machine is none. Its
    topic is what it says itself, else what its content, else what its campaign says. Where a cap
    goes by the customer's calendar, that is the one of where they lived at the message: a zone
    that changes later counts from the next message on.

    Keeps: person_id, message_id, rule (name, limit, window …), cause (occurred_at, stream,
    event_id). Adds: time_zone (of a calendar's window; else null). Grain: person × cap × message.
    timeline: rows with person_id and the facts of their message; of each message all there are.
    contents, campaigns: what each offers. time_zone: of customers of whom none is known.
    """
    own = timeline.where((F.col("stream") == "messages") & is_person())
    if any(rule.needs_topics for rule in rules):
        own = with_topics(own, contents, campaigns)
    applying = F.array_compact(
        F.array(*(F.when(_counts(rule), _as_struct(rule)) for rule in rules))
    )
    messages = (
        own.select("person_id", "message_id", F.struct(*ORDER).alias("cause"), applying.alias("_r"))
        .select("person_id", "message_id", "cause", F.explode("_r").alias("rule"))
        .groupBy("person_id", "rule", "message_id")
        .agg(F.min("cause").alias("cause"))
    )
    if not any(rule.needs_zones for rule in rules):
        return messages.withColumn("time_zone", F.col("rule.zone"))
    at = F.col("cause.occurred_at").alias("at")
    is_asked = F.col("rule.calendar").isNotNull() & F.col("rule.zone").isNull()
    moments = messages.where(is_asked).select("person_id", at).distinct()
    zones = zones_by_then(moments, timeline.where(is_person()), time_zone=time_zone)
    with_zone = messages.withColumn("at", at).join(zones, ["person_id", "at"], "left").drop("at")
    of_calendar = F.when(is_asked, F.col("time_zone")).otherwise(F.col("rule.zone"))
    return with_zone.withColumn("time_zone", of_calendar)


def capped(messages: DataFrame, *, longest: int) -> DataFrame:
    """Do not contact somebody again while they have heard as often as a cap allows.

    A rolling window is (t − window, t]: exactly one window after the oldest of `limit` messages the
    next is allowed. Every message that fills the window makes one interval, from that message until
    the oldest falls out of it; of a calendar's window, until the next day, week or month.

    Keeps: one row a message that fills the window. Adds: the columns of `suppressions`, cause.
    messages: see `counted_messages`. longest: the highest limit.
    """
    in_order = (
        Window.partitionBy("person_id", "rule.name").orderBy("cause").rowsBetween(1 - longest, 0)
    )
    limit, at = F.col("rule.limit"), F.col("cause.occurred_at")
    starts, ends = window_at(at)
    is_rolling = F.col("rule.window").isNotNull()
    oldest = F.get("_lately", 0)["occurred_at"]
    full = (
        messages.withColumn("_lately", F.collect_list("cause").over(in_order))
        .where(F.size("_lately") >= limit)
        .withColumn("_lately", F.slice("_lately", -limit, limit))
        .withColumn("_ends_at", F.when(is_rolling, oldest + F.col("rule.window")).otherwise(ends))
        .where(F.when(is_rolling, at < F.col("_ends_at")).otherwise(oldest >= starts))
    )
    rows = full.select(
        "person_id",
        F.col("rule.name").alias("policy"),
        F.lit("capped").alias("reason"),
        F.col("rule.channels").alias("channels"),
        F.lit("purpose").alias("scope_kind"),
        F.col("rule.purposes").alias("scope_values"),
        F.col("cause.occurred_at").alias("starts_at"),
        F.col("_ends_at").alias("ends_at"),
        F.lit(None).cast("string").alias("lifted_by"),
        F.transform("_lately", lambda c: F.concat_ws(":", c["stream"], c["event_id"])).alias(
            "evidence"
        ),
        "cause",
        F.lit(None).cast("int").alias("line_number"),
        F.col("rule.about").alias("_about"),
    ).transform(with_id)
    # What else a cap is about follows from its name, by which the row is called already.
    return rows.withColumn("scope", F.concat("scope", "_about")).drop("_about")


def pressure(messages: DataFrame, *, as_of: datetime) -> DataFrame:
    """Count how often each person was contacted within each cap's window up to now.

    `next_allowed_at` is when the limit-th newest message leaves the window, or the next window of
    the calendar begins; null means now. The calendar is that of where they lived at the newest
    message.

    Keeps: one row a person × cap with at least one message in the window. Adds: counted (exact
    up to the limit), cap_limit, window_starts_at, next_allowed_at, as_of.
    """
    now, at = F.lit(as_of), F.col("cause.occurred_at")
    newest_first = Window.partitionBy("person_id", "rule.name").orderBy(F.col("cause").desc())
    past = messages.where((at > now - F.col("rule.reach")) & (at <= now)).withColumns(
        {
            "_place": F.row_number().over(newest_first),
            "time_zone": F.first("time_zone").over(newest_first),
        }
    )
    is_rolling = F.col("rule.window").isNotNull()
    starts, ends = window_at(now)
    recent = past.withColumns(
        {"_starts_at": F.when(is_rolling, now - F.col("rule.window")).otherwise(starts)}
    ).where((at > F.col("_starts_at")) | (~is_rolling & (at == F.col("_starts_at"))))
    free = F.when(is_rolling, at + F.col("rule.window")).otherwise(ends)
    full = F.max(F.when(F.col("_place") == F.col("rule.limit"), free))
    return recent.groupBy("person_id", F.col("rule.name").alias("cap")).agg(
        F.least(F.count("*"), F.max("rule.limit")).cast("int").alias("counted"),
        F.max("rule.limit").alias("cap_limit"),
        F.max("_starts_at").alias("window_starts_at"),
        full.alias("next_allowed_at"),
        now.alias("as_of"),
    )


def _counts(rule: CapRule) -> Column:
    """Whether a cap counts an event of a message."""
    counted = F.col("type") == rule.counts
    if rule.counts == "opened":
        counted &= ~by_machine()
    if rule.channels:
        # A message of a channel that nobody knows (all) counts for every one.
        counted &= _is_one("channel", [*rule.channels, ALL])
    if rule.topics:
        counted &= _names_one(rule.topics)
    if rule.campaigns:
        counted &= _is_one("campaign_id", rule.campaigns)
    if not rule.exempt_counts:
        if rule.exempt_topics:
            counted &= ~_names_one(rule.exempt_topics)
        if rule.exempt_campaigns:
            counted &= ~_is_one("campaign_id", rule.exempt_campaigns)
    return counted & F.coalesce("purpose", F.lit("marketing")).isin(list(rule.purposes))


def _is_one(what: str, values: Sequence[str]) -> Column:
    return F.coalesce(F.col(what).isin(list(values)), F.lit(False))


def _names_one(topics: Sequence[str]) -> Column:
    return F.arrays_overlap("topics", F.array(*(F.lit(topic) for topic in topics)))


def _as_struct(rule: CapRule) -> Column:
    return F.struct(
        F.lit(rule.name).alias("name"),
        F.lit(rule.limit).alias("limit"),
        F.lit(rule.most).alias("most"),
        F.lit(rule.window).cast("interval day to second").alias("window"),
        F.lit(rule.reach).alias("reach"),
        F.lit(rule.calendar).cast("string").alias("calendar"),
        F.lit(rule.zone if rule.calendar else None).cast("string").alias("zone"),
        F.lit(rule.week_starts).alias("week_starts"),
        channel_list(rule.channels).alias("channels"),
        F.array(*(F.lit(purpose) for purpose in sorted(rule.purposes))).alias("purposes"),
        _about(rule).alias("about"),
    )


def _about(rule: CapRule) -> Column:
    """What beside a purpose a message must be about to be held, and what it must not be."""
    named = (
        ("topic", rule.topics, False), ("campaign", rule.campaigns, False),
        ("topic", rule.exempt_topics, True), ("campaign", rule.exempt_campaigns, True),
    )  # fmt: skip
    parts = (
        F.struct(
            F.lit(kind).alias("kind"),
            F.array(*(F.lit(value) for value in sorted(values))).alias("values"),
            F.lit(negated).alias("negated"),
        )
        for kind, values, negated in named
        if values
    )
    return F.array(*parts).cast(SCOPE)
