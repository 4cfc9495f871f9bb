"""Decide: what must not be said to whom, from every configured rule and cap."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs.settings.config import Cap, Config, Suppress
from tactful.transforms.caps import CapRule, capped, counted_messages
from tactful.transforms.membership import NO_TO_ADS
from tactful.transforms.rules.refusals import refused
from tactful.transforms.rules.suppressions import PurchaseRule, purchased


def suppressions(
    timeline: DataFrame,
    labels: DataFrame,
    products: DataFrame,
    lines: DataFrame | None,
    *,
    rules: tuple[Suppress, ...],
    caps: tuple[Cap, ...],
) -> DataFrame | None:
    """Every suppression these events cause, ended ones too; None without any rule.

    timeline: rows with person_id. lines: see `settled_lines`; None where no rule asks for them.
    """
    frames = []
    bought = [_purchase_rule(rule) for rule in rules if rule.when == "purchased"]
    said = [(rule.name, rule.when) for rule in rules if rule.when != "purchased"]
    if bought:
        frames.append(purchased(lines, products, rules=bought))
    if said:
        frames.append(refused(timeline, labels, policies=said))
    if caps:
        messages = counted_messages(timeline, rules=[cap_rule(cap) for cap in caps])
        frames.append(capped(messages, longest=max(cap.limit for cap in caps)))
    return reduce(DataFrame.unionByName, frames) if frames else None


def needed_now(config: Config) -> tuple[tuple[Suppress, ...], tuple[Cap, ...]]:
    """The rules and caps that decide what goes out: those a destination names, and consent.

    The others are worked out when tables are published; no record waits for them.
    """
    named = {destination.policy for destination in config.destinations}
    rules = tuple(r for r in config.rules if r.name in named or r.when in NO_TO_ADS)
    return rules, tuple(cap for cap in config.caps if cap.name in named)


def hears_messages(config: Config) -> bool:
    """Whether what became of messages decides anything that goes out.

    Even where no destination names a rule about messages, a bounced address is told to none.
    """
    return bool(config.destinations)


@dataclass(frozen=True)
class Lookback:
    """How far back orders and messages bear on what must not be said now; None means for ever."""

    orders: timedelta | None
    messages: timedelta | None

    def since(self, as_of: datetime) -> datetime:
        """From when on messages bear on what must not be said now."""
        return as_of - (self.messages or timedelta())

    def relevant_events(self, timeline: DataFrame, *, as_of: datetime) -> DataFrame:
        """Keep the events that may still decide something.

        A rolling window and a rule that `lasts` let go of what is older; what somebody has said
        about a channel stands until it is taken back. What is taken back acts on what was bought
        before it, so it bears as long as orders do; what names an order is looked up by its number.
        """

        def since(kind: str, lookback: timedelta | None) -> Column:
            mine = F.col("kind") == kind
            return (
                mine
                if lookback is None
                else mine & (F.col("occurred_at") >= F.lit(as_of - lookback))
            )

        word = F.col("kind") == "word"
        orders = since("order", self.orders) | since("take_back", self.orders)
        return timeline.where(word | orders | since("message", self.messages))


def lookback(config: Config, products: DataFrame) -> Lookback:
    """How far back the rules that decide what goes out look."""
    rules, caps = needed_now(config)
    bought = [rule for rule in rules if rule.when == "purchased"]
    slowest = None
    if any(rule.lasts_share is not None for rule in bought):
        slowest = products.agg(F.max("replenish_days")).first()[0]
    ends = [end for rule in bought for end in _ends(rule, slowest)]
    return Lookback(
        orders=None if None in ends else max(ends, default=timedelta()),
        messages=max((cap.window for cap in caps), default=timedelta()),
    )


def _ends(rule: Suppress, slowest: float | None) -> Iterator[timedelta | None]:
    """How long a row of this rule may last: by the clock, or by the slowest product's own time."""
    yield rule.lasts
    if rule.lasts_share is not None and slowest is not None:
        yield timedelta(days=math.ceil(slowest * rule.lasts_share))


def cap_rule(cap: Cap) -> CapRule:
    return CapRule(cap.name, cap.channels, cap.purposes, cap.limit, cap.window, cap.counts)


def _purchase_rule(rule: Suppress) -> PurchaseRule:
    return PurchaseRule(
        policy=rule.name,
        match=rule.match or "sku",
        lasts=rule.lasts,
        lasts_share=rule.lasts_share,
        lifted_by=rule.lifted_by,
        channels=rule.channels,
    )


def shares(config: Config) -> dict[str, float]:
    """The share of a message's products that each rule must touch."""
    return {rule.name: rule.share for rule in config.rules if rule.when == "purchased"}


def falls_due(suppressed: DataFrame, *, batch_id: int, as_of: datetime) -> DataFrame:
    """When each of these suppressions ends by itself, filed under an identifier of its person."""
    return (
        suppressed.where(F.col("ends_at") > F.lit(as_of))
        .select(
            F.substring("person_id", 3, 64).alias("anchor_key"),
            F.col("ends_at").alias("due_at"),
            F.lit(batch_id).alias("batch_id"),
        )
        .distinct()
    )
