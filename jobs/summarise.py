"""Summarise: contact pressure per cap, where each customer stands, who is left out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.decide import cap_rules
from tactful.jobs.deliver import by_audience, wanted_by
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.settings.config import Config
from tactful.schemas.records import LEFT_OUT
from tactful.transforms.caps import counted_messages, pressure
from tactful.transforms.identity.owners import is_person
from tactful.transforms.membership import active, ad_consent, with_jurisdiction
from tactful.transforms.membership import left_out as counted
from tactful.transforms.persons.scores import ScoreRules, customer_scores


def pressures(
    timeline: DataFrame,
    contents: DataFrame,
    campaigns: DataFrame,
    config: Config,
    *,
    as_of: datetime,
) -> DataFrame | None:
    """How often each person was contacted, cap by cap; None without caps."""
    if not config.caps:
        return None
    zone = config.business.time_zone
    rules = cap_rules(config, config.caps)
    messages = counted_messages(timeline, contents, campaigns, rules=rules, time_zone=zone)
    return pressure(messages, as_of=as_of)


def score_rules(config: Config) -> ScoreRules:
    """What the configuration calls new, lately, often and much."""
    since = config.business.history_from
    return ScoreRules(
        recency_days=config.scores.recency_days,
        orders=config.scores.orders,
        revenue=[Decimal(bound) for bound in config.scores.revenue],
        new_for=config.scores.new_for,
        active_for=config.scores.active_for,
        lapsing_for=config.scores.lapsing_for,
        history_from=None if since is None else datetime(*since.timetuple()[:3], tzinfo=UTC),
        valued_from=config.value.valued_from,
    )


def scores(
    customers: DataFrame,
    orders: DataFrame,
    timeline: DataFrame,
    regrets: DataFrame | None,
    config: Config,
    *,
    as_of: datetime,
) -> DataFrame:
    """Where each customer stands now. regrets: all messages that some rule would have stopped."""
    names = [rule.name for rule in config.rules if rule.kind.is_bad_experience]
    told = None if regrets is None else regrets.where(F.col("policy").isin(names))
    return customer_scores(
        customers, orders, timeline, told, as_of=as_of, rules=score_rules(config)
    )


def left_out(
    timeline: DataFrame,
    suppressions: DataFrame,
    products: DataFrame,
    campaigns: DataFrame,
    config: Config,
    *,
    as_of: datetime,
) -> DataFrame:
    """Who misses in each audience of an ad network because they did not consent to ads."""
    asking = [d for d in config.destinations if d.is_ad_network and not d.retired]
    rows = [{"destination": destination.name} for destination in asking]
    named = small_frame(timeline.sparkSession, rows, LEFT_OUT.struct())
    if not asking:
        return named
    now = by_audience(active(suppressions, as_of=as_of), products, campaigns, config)
    wanted = reduce(
        DataFrame.unionByName,
        (wanted_by(d, now).select(F.lit(d.name).alias("destination"), "person_id") for d in asking),
    )
    silence, of_persons = config.consent.silence, timeline.where(is_person())
    answers = with_jurisdiction(ad_consent(of_persons, now), of_persons, silence=silence)
    found = counted(wanted, answers, silence=silence)
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
