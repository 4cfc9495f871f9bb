"""Speak: what is due to be said, as records for the destinations that say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs.runs.batches import Batch
from tactful.jobs.runs.pausing import ALL
from tactful.jobs.settings.config import Activate, Config, Destination
from tactful.schemas.plans import PLANS
from tactful.schemas.records import RECORDS, TEST
from tactful.schemas.reference import CONTENTS, PRODUCTS
from tactful.schemas.words import AD
from tactful.transforms.identity.links import latest
from tactful.transforms.plans.copies import copies
from tactful.transforms.plans.days import QUOTA, QUOTAS, day_of
from tactful.transforms.plans.handed import (
    is_called_back,
)
from tactful.transforms.plans.speaking import (
    cancel_records,
    send_records,
    with_products,
    with_template,
)
from tactful.transforms.sinks.sink import Sink
from tactful.transforms.triggers import TRIGGERS

# What a customer's attributes may call the language they read.
LOCALES = ("locale", "language")


def records(
    batch: Batch, said: DataFrame, rows: DataFrame, profiles: DataFrame, config: Config
) -> DataFrame | None:
    """A record for each destination that says what is due now, or is to say it not after all.

    None where no destination speaks. said: the plans that are handed over now. rows: the plans that
    changed. profiles: person_id, attributes.
    """
    speaking = [d for d in _speaking(config) if d.sink.speech is not None]
    if not speaking:
        return None
    told = [F.col("attributes")[name]["value"] for name in LOCALES]
    locales = profiles.select("person_id", F.coalesce(*told).alias("locale"))
    ready = batch.keep(
        with_products(
            said.where(F.col("channel") != AD),
            batch.read(PRODUCTS),
            currency=config.business.currency,
        ).join(locales, "person_id", "left")
    )
    back = rows.where(is_called_back())
    zone = config.business.time_zone
    frames = [told for d in speaking for told in _of(batch, ready, d, time_zone=zone)]
    frames += [
        cancel_records(back.where(_takes(d)), destination=d.name)
        for d in speaking
        if d.sink.can_cancel
    ]
    return reduce(DataFrame.unionByName, frames)


def can_wait(config: Config) -> Column:
    """Whether all who say something of a policy and channel take it ahead of its moment."""
    return _where(config, lambda sink: sink.takes_ahead)


def is_halted(batch: Batch, config: Config) -> Column:
    """Whether somebody has paused a plan's policy, and who was told of it takes it back."""
    is_paused = F.lit(ALL in batch.halted) | F.col("policy").isin(*batch.halted)
    return is_paused & _where(config, lambda sink: sink.can_cancel)


def _where(config: Config, can: Callable[[Sink], bool]) -> Column:
    """Whether all who say something of a policy and channel can do something."""
    able = F.lit(False)
    for one, channel, taking in _said(config):
        if channel != AD and taking and all(can(d.sink) for d in taking):
            able |= (F.col("policy") == one.name) & (F.col("channel") == channel)
    return able


def quotas(config: Config) -> Column | None:
    """What of a plan bounds how much is said on a day; None where nothing does.

    Of what is only shown its policy alone.
    """
    told = [
        F.when(F.col("policy") == one.name, _quota(one.name, one.per_day, "plan_id"))
        for one in config.activate
        if one.per_day is not None
    ]
    told += [
        F.when(
            _takes(d) & ~F.col("is_shadow"),
            _quota(f"destinations.{d.name}", d.per_day, "decision_id"),
        )
        for d in _speaking(config)
        if d.per_day is not None
    ]
    return F.array_compact(F.array(*told)).cast(QUOTAS) if told else None


def taken(batch: Batch, config: Config) -> DataFrame:
    """What was said, or is shown to have been, on this business day and later.

    Keeps: name, day, own_id (see `over_the_day`).
    """
    zone, bounds = config.business.time_zone, quotas(config)
    assert bounds is not None
    begins = F.to_utc_timestamp(day_of(F.lit(batch.as_of), zone).cast("timestamp"), zone)
    was_said = F.col("emitted_at").isNotNull() | (F.col("is_shadow") & F.col("is_final"))
    # What was called back since has a newer row, which says so and when it was to be said.
    told = batch.read(PLANS).where(was_said & (F.col("send_at") >= begins))
    return (
        latest(told, key=["decision_id"])
        .where("outcome = 'chosen'")
        .select(day_of(F.col("send_at"), zone).alias("day"), F.explode(bounds).alias("_q"))
        .select("_q.name", "day", "_q.own_id")
    )


def types_for_ads(config: Config) -> list[str]:
    """By which types of identifiers those are told whom to show ads who show them for a policy."""
    taking = [d for d in _speaking(config) if d.channel in (None, AD)]
    return sorted({name for d in taking for name in d.wanted})


def _quota(name: str, per_day: int, own: str) -> Column:
    return F.struct(
        F.lit(name).alias("name"), F.lit(per_day).alias("per_day"), F.col(own).alias("own_id")
    ).cast(QUOTA)


def _of(
    batch: Batch, ready: DataFrame, destination: Destination, *, time_zone: str
) -> Iterator[DataFrame]:
    """What a destination is to say, and the copies for those who look whether it is right."""
    mine = ready.where(_takes(destination))
    whole = with_template(mine, batch.read(CONTENTS), kind=destination.kind)
    reasons = {name: trigger.doc for name, trigger in TRIGGERS.items()}
    name, to = destination.name, destination.seed_list
    yield send_records(whole, destination=name, reasons=reasons)
    if to:
        before = batch.read(RECORDS).where(F.col("operation") == TEST)
        made = copies(whole, before, destination=name, to=to, time_zone=time_zone)
        yield send_records(made, destination=name, reasons=reasons, operation=TEST)


def _takes(destination: Destination) -> Column:
    """Whether a plan is a destination's to say."""
    mine = F.col("policy") == destination.policy
    if destination.channel is not None:
        mine &= F.col("channel") == destination.channel
    return mine


def _said(config: Config) -> Iterator[tuple[Activate, str, list[Destination]]]:
    """Each policy and channel, and who says it."""
    for one in config.activate:
        mine = [d for d in _speaking(config) if d.policy == one.name]
        for channel in (*one.channels, *one.switch_to):
            yield one, channel, [d for d in mine if d.channel in (None, channel)]


def _speaking(config: Config) -> list[Destination]:
    spoken = {one.name for one in config.activate}
    return [d for d in config.destinations if d.policy in spoken and not d.retired]
