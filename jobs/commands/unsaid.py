"""What entries of `[[activate]]` would never say, or other than is meant: allowed, and odd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tactful.jobs.settings.config import Activate, Config
from tactful.jobs.why.texts import as_utc, listed, moment
from tactful.transforms.addresses import ADDRESS_TYPES
from tactful.transforms.conditions import parse
from tactful.transforms.plans.limits import INTERRUPTING
from tactful.transforms.rules.rule import in_words

FAR = timedelta(days=365)
Rows = Sequence[Mapping[str, Any]]


def unsaid(config: Config, campaigns: Rows, products: Rows, *, now: datetime) -> Iterator[str]:
    """Each as a sentence. campaigns, products: rows of the reference tables."""
    for one in config.activate:
        yield from _of_campaign(one, campaigns)
        yield from _lead(one)
        yield from _at_first_sight(one)
        if one.is_live and one.starts_at is not None and as_utc(one.starts_at) > now + FAR:
            yield (
                f"activate.{one.name} is live, and says nothing before {moment(one.starts_at)}, "
                "more than a year ahead (starts_at)."
            )
    yield from _too_short(config)
    yield from _quiet_hour(config)
    yield from _held_longer(config, products)
    yield from _behind_all(config)
    yield from _addresses(config)


def _of_campaign(one: Activate, campaigns: Rows) -> Iterator[str]:
    """A policy that begins when its campaign is over."""
    if one.when != "campaign" or one.starts_at is None:
        return
    ends = [row.get("ends_at") for row in campaigns if row.get("campaign_id") == one.campaign_id]
    known = [end for end in map(_moment, ends) if end is not None]
    if ends and len(known) == len(ends) and as_utc(one.starts_at) >= max(known):
        yield (
            f"activate.{one.name} begins on {moment(one.starts_at)} (starts_at), when its campaign "
            f"{one.campaign_id} is over ({moment(max(known))}): it says nothing."
        )


def _too_short(config: Config) -> Iterator[str]:
    """What expires before the gap behind another message is over."""
    gap = config.plans.min_gap
    names = [
        f"activate.{one.name}"
        for one in config.activate
        if one.policy.expires is not None
        and one.policy.expires <= gap
        and all(channel in INTERRUPTING for channel in one.channels)
    ]
    if names:
        yield (
            f"plans.min_gap is {in_words(gap)}, and no longer may {listed(names)} be said "
            "(expires): what falls due right behind another message is lost, never said later."
        )


def _lead(one: Activate) -> Iterator[str]:
    expires = one.policy.expires
    if expires is not None and one.lead and one.lead >= expires:
        yield (
            f"activate.{one.name}: lead, {in_words(one.lead)}, is no shorter than the "
            f"{in_words(expires)} "
            "after which it expires."
        )


def _at_first_sight(one: Activate) -> Iterator[str]:
    """What a welcome asks of somebody of whom nothing but their first events is known."""
    if one.when != "welcome" or one.policy.waits[0]:
        return
    wheres = [one.where, *(content.where for content in one.content)]
    asked = {name for where in wheres if where for name in parse(where).columns}
    if asked:
        yield (
            f"activate.{one.name} asks for {listed(sorted(asked))} at the very moment at which "
            "somebody is first known: of whom nothing is known yet no condition is true; give it "
            "an after, such as 1h, if what it asks comes in later."
        )


def _quiet_hour(config: Config) -> Iterator[str]:
    hour, week = config.plans.default_hour, config.plans.hours
    if hour is None or week is None:
        return
    begins, ends = hour * 60, hour * 60 + 60
    if all(first >= ends or last <= begins for day in week for first, last in day):
        yield (
            f"plans.default_hour {hour} lies within plans.quiet_hours {config.plans.quiet_hours}: "
            "of whom no habit is known hears it at another hour."
        )


def _held_longer(config: Config, products: Rows) -> Iterator[str]:
    """A rule that holds a product longer than it takes to be used up."""
    policies = [one.name for one in config.activate if one.when == "replenishment"]
    told = [(str(row.get("sku")), row.get("replenish_days")) for row in products]
    for rule in config.rules if policies else ():
        if rule.when != "purchased" or rule.options.match != "sku" or not rule.options.lasts:
            continue
        channels, lasts = {*rule.options.channels}, rule.options.lasts
        spoken = {name for one in config.activate if one.name in policies for name in one.channels}
        if (channels and not channels & spoken) or rule.options.lasts_share is not None:
            continue
        skus = sorted(
            sku
            for sku, days in told
            if isinstance(days, int | float) and days > 0 and timedelta(days=float(days)) < lasts
        )
        if skus:
            yield (
                f"suppress.{rule.name} holds what was bought for {in_words(lasts)}, longer than "
                f"{listed(skus)} lasts (replenish_days): activate.{policies[0]} comes too late; "
                "say lasts_share instead."
            )


def _behind_all(config: Config) -> Iterator[str]:
    """What a cap says of some behind an entry that is for everybody, or for the same."""
    for cap in config.caps:
        seen: list[str] = []
        for at, one in enumerate(cap.relaxed):
            sql = parse(one.where).sql
            if "true" in seen or sql in seen:
                yield (
                    f"caps.{cap.name}.relaxed.{at} is never reached: an entry above it is true for "
                    "whomever it is for."
                )
            seen.append(sql)


def _addresses(config: Config) -> Iterator[str]:
    """Where what is said goes, whatever identifiers say."""
    by_name = {one.name: one for one in config.activate}
    for one in config.destinations:
        policy = by_name.get(one.policy)
        if policy is None:
            continue
        channels = (one.channel,) if one.channel else policy.channels
        types = {ADDRESS_TYPES[name]: name for name in channels if name in ADDRESS_TYPES}
        for kind, name in types.items():
            if kind not in one.identifiers:
                yield (
                    f"destinations.{one.name}: what activate.{policy.name} says by {name} goes to "
                    f"their {kind}, which its identifiers do not name."
                )


def _moment(told: Any) -> datetime | None:
    """A moment of a reference table's row, where it certainly is one."""
    if isinstance(told, str):
        try:
            told = datetime.fromisoformat(told.strip())
        except ValueError:
            return None
    if not isinstance(told, datetime):
        return None
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
