"""Moments: when somebody may be told something, by the law, by the business and by their habits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.legal_hours import LEGAL_HOURS, Week, legal_week, strictest, week
from tactful.transforms.quiet_hours import SPANS, as_column, both, open_in

DAY = 24 * 60
ALWAYS = week("0-24")
# The countries that a number tells: its first digits, and who has them in common.
CALLED = {"+1": ("US", "CA"), "+33": ("FR",), "+61": ("AU",)}


def with_moment(
    actions: DataFrame,
    *,
    as_of: datetime,
    quiet: Week | None = None,
    usual_hour: int | None = None,
    interrupting: Sequence[str],
) -> DataFrame:
    """Say at which moment each message may first be said, limits aside.

    Not before it is proposed, not in hours that are quiet by law or by the business's own word, and
    on channels that interrupt `lead` before the hour at which somebody is used to answer; where
    that lies in quiet hours, these decide alone. What has been promised a moment that has come is
    said at once, as soon as no quiet hour forbids it.

    Adds: moment (null where no hour of the week will do), week (the hours, see `as_column`).
    actions: channel, purpose, proposed_at, time_zone, phone, lead_minutes, usual_response_hour,
    promised_at (the moment that was planned before; null without one). quiet: the business's own
    hours, of all channels that interrupt. usual_hour: of whom no habit is known.
    """
    now = F.lit(as_of)
    legal = _legal(quiet, interrupting)
    start = (
        F.col("usual_response_hour") * 60
        if usual_hour is None
        else (F.coalesce("usual_response_hour", F.lit(usual_hour)) * 60)
    )
    minute = F.pmod(start - F.col("lead_minutes"), F.lit(DAY)).cast("int")
    one = F.struct(minute.alias("begins"), (minute + 1).alias("ends"))
    usual = F.transform(F.sequence(F.lit(1), F.lit(7)), lambda _: F.array(one).cast(SPANS))
    shared = both(F.col("_legal"), usual)
    is_asked = F.col("channel").isin(*interrupting) & start.isNotNull()
    fits = F.exists(shared, lambda day: F.size(day) > 0)
    hours = F.when(is_asked & fits, shared).otherwise(F.col("_legal"))
    earliest = F.greatest(F.col("proposed_at"), now)
    is_due = F.coalesce(F.col("promised_at") <= now, F.lit(False)) & (F.col("proposed_at") <= now)
    is_open = open_in(now, F.col("time_zone"), F.col("_legal")) == now
    found = actions.withColumn("_legal", legal).withColumn("week", hours)
    moment = F.when(is_due & is_open, now).otherwise(
        open_in(earliest, F.col("time_zone"), F.col("week"))
    )
    return found.withColumn("moment", moment).drop("_legal")


def _legal(quiet: Week | None, interrupting: Sequence[str]) -> Column:
    """The hours that are not quiet: of marketing those of the law, of all those of the business."""
    told = {channel: _by_number(channel, quiet) for channel in sorted(_lawful())}
    of_law = [F.when(_is(channel, "marketing"), week) for channel, week in told.items()]
    own = F.when(F.col("channel").isin(*interrupting), as_column(quiet or ALWAYS))
    return F.coalesce(*of_law, own, as_column(ALWAYS))


def _by_number(channel: str, quiet: Week | None) -> Column:
    """The hours of a channel by the country that somebody's number is of.

    A number of several countries, or none, is reached when all of them allow it.
    """

    def allowed(countries: Iterable[str | None]) -> Column:
        weeks = [w for country in countries if (w := legal_week(channel, country=country))]
        return as_column(strictest([*weeks, *([quiet] if quiet else [])]))

    known = [
        F.when(F.col("phone").startswith(code), allowed(countries))
        for code, countries in CALLED.items()
    ]
    elsewhere = F.when(F.col("phone").isNotNull(), allowed([""]))
    return F.coalesce(*known, elsewhere, allowed([None]))


def _lawful() -> set[str]:
    return {channel for row in LEGAL_HOURS for channel in row.channels}


def _is(channel: str, purpose: str) -> Column:
    return (F.col("channel") == channel) & (F.col("purpose") == purpose)
