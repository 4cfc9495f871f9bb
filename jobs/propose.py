"""Propose: what might be said to whom, from every configured trigger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import reduce
from itertools import groupby

from pyspark.sql import DataFrame

from tactful.jobs.decide import Lookback, cap_rules, longer, slowest_of
from tactful.jobs.decide import lookback as of_decisions
from tactful.jobs.settings.config import Activate, Config
from tactful.schemas.events import CLASSES
from tactful.transforms.triggers import PROPOSALS, TRIGGERS, Facts


def proposals(facts: Facts, *, activate: tuple[Activate, ...]) -> DataFrame | None:
    """Everything that these facts give occasion to say, whatever the clock; None without any.

    What is due, wanted and allowed is for whoever plans.
    """
    by_when = sorted(activate, key=lambda one: one.when)
    frames = [
        _whole(when, TRIGGERS[when].proposals(facts, [one.policy for one in entries]))
        for when, entries in groupby(by_when, key=lambda one: one.when)
    ]
    return reduce(DataFrame.unionByName, frames) if frames else None


def _whole(when: str, rows: DataFrame) -> DataFrame:
    """A trigger's rows, where they have the columns of proposals and no others."""
    if wrong := {*PROPOSALS} ^ {*rows.columns}:
        raise TypeError(
            f"The proposals of {when} lack, or have beside the others, {sorted(wrong)}."
        )
    return rows


def acting(config: Config, *, as_of: datetime) -> tuple[Activate, ...]:
    """The policies that may have something to say by now.

    One that acts on events from a later moment on has none: what has happened by now is no occasion
    for it. What the calendar causes is planned ahead.
    """
    return tuple(
        one for one in config.activate if one.acts_on(as_of) or not one.kind.streams(one.options)
    )


def reads(activate: tuple[Activate, ...], products: DataFrame) -> Mapping[str, timedelta | None]:
    """How far back these triggers look, by class of events; None means for ever."""
    slowest = slowest_of(products)
    found: dict[str, timedelta | None] = {}
    for one in activate:
        policy = one.policy
        told = dict(one.kind.reads(policy, slowest=slowest))
        if one.kind.needs_persons:
            # Whoever comes in is somebody to speak to, whatever they came by.
            told = {**dict.fromkeys(CLASSES, timedelta()), **told}
        # What cancels is not before its cause, and nothing is cancelled that may not be said.
        for name, types in CLASSES.items():
            if {*types} & {*policy.cancel_on}:
                told[name] = longer(told.get(name, timedelta()), policy.reach)
        for name, span in told.items():
            found[name] = longer(found.get(name, timedelta()), span)
    return found


def lookback(config: Config, products: DataFrame, *, as_of: datetime) -> Lookback:
    """How far back events bear on what must not be said, and on what is said next."""
    of_rules, activate = of_decisions(config, products), acting(config, as_of=as_of)
    if not activate:
        return of_rules
    longest = dict(of_rules.of)
    caps = [rule.reach for rule in cap_rules(config, config.caps)]
    spoken = {"message": max([*caps, config.plans.min_gap])}
    for told in (reads(activate, products), spoken):
        for name, span in told.items():
            longest[name] = longer(longest.get(name, timedelta()), span)
    asks = of_rules.asks_countries or bool(config.checks) or config.consent.silence.varies
    return Lookback(longest, asks_zones=True, asks_countries=asks, asks_personalisation=True)
