"""Moments: when somebody may be told something, by the law, by the business and by their habits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.calling_codes import CALLING_CODES
from tactful.schemas.country_zones import COUNTRY_ZONES
from tactful.transforms.legal_hours import LEGAL_HOURS, Week, legal_week, strictest, week
from tactful.transforms.quiet_hours import SPANS, as_column, both, open_in

DAY = 24 * 60
ALWAYS = week("0-24")
# The countries that a number tells: its first digits, and who has them in common.
CALLED = {"+1": ("US", "CA"), "+33": ("FR",), "+61": ("AU",)}
LONGEST_CODE = max(map(len, CALLING_CODES))


def with_moment(
    actions: DataFrame,
    *,
    as_of: datetime,
    quiet: Week | None = None,
    usual_hour: int | None = None,
    interrupting: Sequence[str],
    fitting: Sequence[tuple[Week, Column]] = (),
) -> DataFrame:
    """Say at which moment each message may first be said, limits aside.

    Not before it is proposed, not in hours that are quiet by law or by the business's own word, and
    on channels that interrupt `lead` before the hour at which somebody is used to answer; where
    that lies in quiet hours, these decide alone. What has been promised a moment that has come is
    said at once, as soon as no quiet hour forbids it. Where nobody knows by whose clock somebody
    lives, every clock of their number's country has to allow it.

    Adds: moment (null where no hour of the week will do), week (the hours, see `as_column`), clocks
    (the time zones by which they go). Drops: is_zone_known.
    actions: channel, purpose, proposed_at, time_zone (the business's where theirs is not known),
    is_zone_known, phone, lead_minutes, usual_response_hour, promised_at (the moment that was
    planned before; null without one). quiet: the business's own hours, of all channels that
    interrupt. usual_hour: of whom no habit is known. fitting: the hours that some messages are
    fit for, with which messages these are.
    """
    now = F.lit(as_of)
    legal = _legal(quiet, interrupting)
    for hours, is_meant in fitting:
        legal = F.when(is_meant, both(legal, as_column(hours))).otherwise(legal)
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
    is_open = open_in(now, F.col("clocks"), F.col("_legal")) == now
    found = actions.withColumns({"_legal": legal, "clocks": _clocks()}).withColumn("week", hours)
    moment = F.when(is_due & is_open, now).otherwise(
        open_in(earliest, F.col("clocks"), F.col("week"))
    )
    return found.withColumn("moment", moment).drop("_legal", "is_zone_known")


def _clocks() -> Column:
    """By which clocks somebody may live, as far as that is known."""
    known = ", ".join(
        f"'+{code}', array({', '.join(repr(zone) for zone in zones)})"
        for code, countries in CALLING_CODES.items()
        if (zones := dict.fromkeys(z for one in countries for z in COUNTRY_ZONES.get(one, ())))
    )
    # As text: a literal each would be hundreds of calls into the JVM.
    of_codes = F.expr(f"map({known})")
    lengths = range(LONGEST_CODE, 0, -1)
    told = (F.try_element_at(of_codes, F.substring("phone", 1, 1 + n)) for n in lengths)
    own = F.array("time_zone")
    return F.when(F.col("is_zone_known"), own).otherwise(F.coalesce(*told, own))


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
