"""Tables: how each published table is made, from what, and how it is brought up to date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.decide import cap_rules
from tactful.jobs.publication.changed import Changed
from tactful.jobs.publication.inputs import Inputs
from tactful.jobs.summarise import left_out, pressures
from tactful.schemas.audience_members import AUDIENCE_MEMBERS
from tactful.schemas.customers import CUSTOMER_SCORES, CUSTOMERS
from tactful.schemas.events import PROFILES
from tactful.schemas.identity import (
    HUBS,
    IDENTITY,
    IDENTITY_CHANGES,
    IDENTITY_HEALTH,
    LABELS,
    LINKS,
    MANUAL_LINKS,
)
from tactful.schemas.known_shares import KNOWN_SHARES
from tactful.schemas.outcomes import OUTCOMES
from tactful.schemas.plans import ACTIVATIONS, PLANS
from tactful.schemas.records import LEFT_OUT
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, CONTEXT, PRODUCTS, RATES
from tactful.schemas.suppressions import PRESSURE, REGRETS, SUPPRESSIONS
from tactful.schemas.table import Table
from tactful.schemas.timeline import TIMELINE, TIMELINE_LOG
from tactful.transforms import known_shares as shares
from tactful.transforms.identity.links import semi_join
from tactful.transforms.known_shares import known_shares
from tactful.transforms.persons.zones import ZONE_CLASSES, tells_zone
from tactful.transforms.settled import first_placed


@dataclass(frozen=True)
class Publication:
    """One published table: how it is made, and from what, so that nothing else makes it anew.

    `rows`      what all tables are worked out from → its rows; None where no rule asks for any.
    `reads`     the logs and reference tables that it is worked out from.
    `sections`  the sections of the configuration that have a say in it.
    `clock`     what of the moment at which it is made has a say in it: the `moment` itself, or the
                business's `day`, so that it is made once a day; empty: nothing.
    `changed`   what changed since it was made, and what the rows of whom it bears on are worked out
                from → which rows may be others now, by some columns of the table; None where
                all are made anew, whatever changed.
    `is_daily`  whether it waits for the next day where others follow what changed: a count over
                everything, which a day's events hardly move.
    `events`    the part of what happened that its rows are worked out from where they follow what
                changed; None where that is all that bears on the persons concerned.
    `sums`      of a table of a few sums over everything: what changed, what the rows of whom it
                bears on are worked out from, and its rows as published → its rows now; None where
                they are made from everything.
    """

    table: Table
    rows: Callable[[Inputs], DataFrame | None]
    reads: tuple[Table, ...]
    sections: tuple[str, ...] = ()
    clock: Literal["", "moment", "day"] = ""
    changed: Callable[[Changed, Inputs], DataFrame] | None = None
    is_daily: bool = False
    events: Callable[[Changed, Inputs], DataFrame] | None = None
    sums: Callable[[Changed, Inputs, DataFrame], DataFrame] | None = None

    @property
    def may_follow(self) -> bool:
        """Whether it can be brought up to date by what changed."""
        return self.changed is not None or self.sums is not None


def _shares(of: Inputs, timeline: DataFrame, placed: DataFrame) -> DataFrame:
    return known_shares(timeline, placed, of.rates, currency=of.config.business.currency)


def _shares_now(changed: Changed, of: Inputs, told: DataFrame) -> DataFrame:
    before, now = (_shares(of, e, first_placed(e)) for e in (changed.before, changed.timeline))
    return shares.brought_up(told, before, now)


def _pressure(of: Inputs) -> DataFrame | None:
    return pressures(of.timeline, of.contents, of.campaigns, of.config, as_of=of.as_of)


def _counted_messages(changed: Changed, of: Inputs) -> DataFrame:
    """What became of the messages that a cap may still count, and where their persons lived."""
    rules = cap_rules(of.config, of.config.caps)
    longest = max((rule.reach for rule in rules), default=timedelta())
    lives = changed.lives_since(of.as_of - longest)
    if not any(rule.needs_zones for rule in rules):
        return lives
    return changed.with_rows(lives, F.col("event_class").isin(*ZONE_CLASSES) & tells_zone())


def _left_out(of: Inputs) -> DataFrame | None:
    if of.suppressions is None:
        return None
    return left_out(of.facts, of.suppressions, of.products, of.campaigns, of.config, as_of=of.as_of)


def _persons(changed: Changed, _: Inputs) -> DataFrame:
    return changed.persons


def _identifiers(changed: Changed, _: Inputs) -> DataFrame:
    return changed.relabelled.select("identifier_key")


def _hubs(changed: Changed, _: Inputs) -> DataFrame:
    return changed.hubs


def _events(changed: Changed, _: Inputs) -> DataFrame:
    # With the day, so that files of other days are not looked into.
    return changed.events.select("event_date", "stream", "event_id").distinct()


def _messages(changed: Changed, of: Inputs) -> DataFrame:
    """The messages of these persons, and those of nobody of which more is known."""
    told = of.outcomes.select("message_id", "person_id")
    theirs = semi_join(told, changed.persons, count=changed.persons.count())
    return theirs.select("message_id").union(changed.messages).distinct()


_EVENTS = (LABELS, TIMELINE_LOG)
# What a message is about: what it offers, and what that is.
_OFFERS = (PRODUCTS, CAMPAIGNS, CONTENTS)
# A currency stands for orders that name none; a unique type says of whom an opt-out speaks.
_RULES = ("suppress", "caps", "business", "identity")
PUBLICATIONS = (
    Publication(IDENTITY, lambda of: of.labels, (LABELS,), changed=_identifiers),
    Publication(
        IDENTITY_HEALTH,
        lambda of: of.identity_health,
        (LABELS, LINKS, IDENTITY_CHANGES),
        ("identity",),
        clock="day",
        is_daily=True,
    ),
    Publication(HUBS, lambda of: of.hubs, (LABELS, LINKS), changed=_hubs),
    Publication(MANUAL_LINKS, lambda of: of.manual_links, (TIMELINE_LOG, PROFILES)),
    Publication(TIMELINE, lambda of: of.timeline, _EVENTS, changed=_events),
    Publication(
        OUTCOMES, lambda of: of.outcomes, _EVENTS, ("attribution", "business"), changed=_messages
    ),
    Publication(
        CUSTOMERS,
        lambda of: of.customers,
        (*_EVENTS, PRODUCTS, RATES),
        ("attribution", "business", "identity"),
        changed=_persons,
    ),
    Publication(
        CUSTOMER_SCORES,
        lambda of: of.scores,
        (*_EVENTS, *_OFFERS, RATES),
        (*_RULES, "attribution", "scores", "value"),
        clock="day",
        changed=_persons,
    ),
    Publication(
        KNOWN_SHARES,
        lambda of: _shares(of, of.timeline, of.lines),
        (*_EVENTS, RATES),
        ("business",),
        sums=_shares_now,
    ),
    Publication(
        PRESSURE,
        _pressure,
        (*_EVENTS, CAMPAIGNS, CONTENTS),
        ("caps", "business"),
        clock="moment",
        events=_counted_messages,
    ),
    Publication(
        SUPPRESSIONS,
        lambda of: of.suppressions,
        (*_EVENTS, *_OFFERS),
        _RULES,
        changed=_persons,
    ),
    Publication(
        REGRETS,
        lambda of: of.regrets,
        (*_EVENTS, *_OFFERS, CONTEXT),
        _RULES,
        changed=_persons,
    ),
    Publication(
        LEFT_OUT,
        _left_out,
        (*_EVENTS, *_OFFERS),
        (*_RULES, "destinations", "consent"),
        clock="moment",
        is_daily=True,
    ),
    Publication(ACTIVATIONS, lambda of: of.activations, (LABELS, PLANS)),
    Publication(AUDIENCE_MEMBERS, lambda of: of.audience_members, (LABELS, PLANS)),
)
