"""Limits: what bounds how often something may be said, as plans are held against it.

Times are microseconds since 1970 (UTC): a fold compares them thousands of times.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pyspark.sql import Column
from pyspark.sql import functions as F

from tactful.transforms.about import topic_words
from tactful.transforms.calendars import window_at
from tactful.transforms.caps import CapRule
from tactful.transforms.conditions import parse

# One plan a person at a time over the channels that interrupt. No cap has a name like these.
MIN_GAP, AGAIN_AFTER, AT_MOST = "min-gap", "again-after", "at-most"
# Longer than anybody is a customer.
EVER = timedelta(days=365 * 200)
INTERRUPTING = ("email", "sms", "push", "call", "direct_mail")
# What of a cap is asked of a plan. span: of a rolling window; null where a calendar's counts.
# own_id: all that has the same counts once, and never against itself; null where each counts.
# drops: what it stops is not said later either.
LIMIT = (
    "struct<name:string,limit:int,span:bigint,calendar:string,week_starts:int,zone:string,"
    "own_id:string,drops:boolean>"
)
LIMITS = f"array<{LIMIT}>"
# A place that is taken in a limit. starts_at, ends_at: the calendar's window it is in, or until
# when it counts in a rolling one, null for ever. decision_id: of a plan; null of a message of
# somebody else's.
PLACE = (
    "struct<name:string,at:bigint,starts_at:bigint,ends_at:bigint,decision_id:string,own_id:string>"
)
PLACES = f"array<{PLACE}>"


def limits_of(rules: Sequence[CapRule], *, min_gap: timedelta, held: bool) -> Column:
    """The limits of each proposal: those that hold it (`held`), or those that it counts in.

    What is exempt from a cap is never held by it, and counts in it only where the cap says so.
    Of rows with policy, channel, purpose, topic, campaign_id, time_zone, plan_id, occasion_id, and
    again_after (microseconds) and at_most of their policy; where a cap is relaxed for some, what
    holds it asks for customer (see `with_customer`).
    """
    told = [F.when(F.col("channel").isin(*INTERRUPTING), _gap(min_gap))]
    told += [_again_after(), _at_most()]
    told += [F.when(_is_about(rule, held=held), _as_limit(rule, held=held)) for rule in rules]
    return F.array_compact(F.array(*told)).cast(LIMITS)


def _gap(min_gap: timedelta) -> Column:
    return _limit(MIN_GAP, limit=1, span=_micros(min_gap), own_id=F.col("plan_id"))


def _again_after() -> Column:
    name = F.concat_ws(":", F.lit(AGAIN_AFTER), "policy")
    one = _limit(name, limit=1, span=F.col("again_after"), own_id=F.col("occasion_id"))
    return F.when(F.col("again_after").isNotNull(), one)


def _at_most() -> Column:
    name = F.concat_ws(":", F.lit(AT_MOST), "policy")
    one = _limit(name, limit=F.col("at_most"), span=_micros(EVER), own_id=F.col("occasion_id"))
    return F.when(F.col("at_most").isNotNull(), one)


def _limit(
    name: str | Column,
    *,
    limit: int | Column,
    span: int | Column | None,
    calendar: str | None = None,
    week_starts: int = 0,
    zone: Column | None = None,
    own_id: Column | None = None,
    drops: bool = False,
) -> Column:
    def one(told: object) -> Column:
        return told if isinstance(told, Column) else F.lit(told)

    return F.struct(
        one(name).alias("name"),
        one(limit).cast("int").alias("limit"),
        one(span).cast("bigint").alias("span"),
        F.lit(calendar).cast("string").alias("calendar"),
        F.lit(week_starts).alias("week_starts"),
        one(zone).cast("string").alias("zone"),
        one(own_id).cast("string").alias("own_id"),
        F.lit(drops).alias("drops"),
    )


def place_in(limit: Column, at: Column, *, decision_id: Column) -> Column:
    """The place that something said at a moment, a time, takes in a limit."""
    starts, ends = window_at(
        at, calendar=limit["calendar"], zone=limit["zone"], week_starts=limit["week_starts"]
    )
    micro = F.unix_micros(at)
    return F.struct(
        limit["name"].alias("name"),
        micro.alias("at"),
        F.when(limit["span"].isNull(), F.unix_micros(starts)).alias("starts_at"),
        F.when(limit["span"].isNull(), F.unix_micros(ends))
        .when(limit["span"] < _micros(EVER), micro + limit["span"])
        .alias("ends_at"),
        decision_id.alias("decision_id"),
        limit["own_id"].alias("own_id"),
    ).cast(PLACE)


def in_the_way(limit: Column, at: Column, places: Column) -> Column:
    """The places because of which a limit has none left at a moment; none of them where it has.

    Every window that contains the moment is asked, also those in which something is planned later:
    more than the limit stand in none. A rolling window is (t − span, t], so of two messages exactly
    one span apart only one is in it.

    places: those of this limit.
    """
    span, most = limit["span"], limit["limit"]
    of_calendar = F.filter(places, lambda p: (p["starts_at"] <= at) & (at < p["ends_at"]))
    near = F.filter(places, lambda p: F.abs(p["at"] - at) < span)
    starts = F.filter(
        F.concat(F.transform(near, lambda p: p["at"]), F.array(at)), lambda start: start <= at
    )

    def is_full(start: Column) -> Column:
        within = F.filter(near, lambda p: _is_within(p["at"], start, span))
        once = F.array_distinct(F.transform(within, lambda p: p["own_id"]))
        return F.when(limit["own_id"].isNull(), F.size(within)).otherwise(F.size(once)) >= most

    full = F.filter(starts, is_full)
    rolling = F.filter(
        near, lambda p: F.exists(full, lambda start: _is_within(p["at"], start, span))
    )
    none = F.slice(of_calendar, 1, 0)
    by_calendar = F.when(F.size(of_calendar) >= most, of_calendar).otherwise(none)
    return F.when(span.isNull(), by_calendar).otherwise(rolling)


def own_places(limit: Column, places: Column) -> Column:
    """Of all places those that count against somebody in a limit."""
    return F.filter(
        places,
        lambda p: (
            (p["name"] == limit["name"]) & ~F.coalesce(p["own_id"] == limit["own_id"], F.lit(False))
        ),
    )


def _is_within(at: Column, start: Column, span: Column) -> Column:
    return (at >= start) & (at < start + span)


def _is_about(rule: CapRule, *, held: bool) -> Column:
    topic = topic_words(F.col("topic"))
    is_one = F.col("purpose").isin([*rule.purposes])
    if rule.channels:
        is_one &= F.col("channel").isin([*rule.channels])
    for what, values in ((topic, rule.topics), (F.col("campaign_id"), rule.campaigns)):
        if values:
            is_one &= F.coalesce(what.isin([*values]), F.lit(False))
    if held or not rule.exempt_counts:
        for what, values in (
            (topic, rule.exempt_topics),
            (F.col("campaign_id"), rule.exempt_campaigns),
        ):
            if values:
                is_one &= ~F.coalesce(what.isin([*values]), F.lit(False))
    return is_one


def _as_limit(rule: CapRule, *, held: bool) -> Column:
    span = None if rule.calendar or rule.window is None else _micros(rule.window)
    zone = F.col("time_zone") if rule.zone is None else F.lit(rule.zone)
    return _limit(
        rule.name,
        limit=_limit_of(rule) if held else rule.limit,
        span=span,
        calendar=rule.calendar,
        week_starts=rule.week_starts,
        zone=zone if rule.calendar else None,
        drops=rule.drops,
    )


def _limit_of(rule: CapRule) -> Column:
    """How many somebody may get: more than others where a condition says so."""
    told = (F.when(F.expr(parse(where).sql), F.lit(limit)) for where, limit in rule.relaxed)
    return F.coalesce(*told, F.lit(rule.limit))


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
