"""Summarise: contact pressure per cap, what is plainly known of each customer, who is left out."""

from __future__ import annotations

from datetime import datetime
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.decide import cap_rule
from tactful.jobs.deliver import wanted_by
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.settings.config import Config
from tactful.schemas.records import LEFT_OUT
from tactful.transforms.caps import counted_messages, pressure
from tactful.transforms.identity.owners import is_person
from tactful.transforms.membership import active, ad_consent
from tactful.transforms.membership import left_out as counted
from tactful.transforms.persons.customers import customers as known_of


def pressures(timeline: DataFrame, config: Config, *, as_of: datetime) -> DataFrame | None:
    """How often each person was contacted, cap by cap; None without caps."""
    if not config.caps:
        return None
    messages = counted_messages(timeline, rules=[cap_rule(cap) for cap in config.caps])
    return pressure(messages, as_of=as_of)


def customers(
    timeline: DataFrame, outcomes: DataFrame, lines: DataFrame, *, as_of: datetime
) -> DataFrame:
    """What is known of each person as of now."""
    return known_of(timeline, outcomes, lines, as_of=as_of)


def left_out(
    timeline: DataFrame, suppressions: DataFrame, config: Config, *, as_of: datetime
) -> DataFrame:
    """Who misses in each audience of an ad network because they did not consent to ads."""
    asking = [d for d in config.destinations if d.is_ad_network and not d.retired]
    rows = [{"destination": destination.name} for destination in asking]
    named = small_frame(timeline.sparkSession, rows, LEFT_OUT.struct())
    if not asking:
        return named
    now = active(suppressions, as_of=as_of)
    wanted = reduce(
        DataFrame.unionByName,
        (wanted_by(d, now).select(F.lit(d.name).alias("destination"), "person_id") for d in asking),
    )
    answers = ad_consent(timeline.where(is_person()), now)
    found = counted(wanted, answers, opt_in=config.consent.opt_in)
    numbers = ("wanted_persons", "not_asked_persons", "withdrawn_persons")
    return (
        named.select("destination")
        .join(found, "destination", "left")
        .select(
            "destination",
            *(F.coalesce(name, F.lit(0)).alias(name) for name in numbers),
            F.lit(as_of).alias("as_of"),
        )
    )
