"""Summarise: contact pressure per cap, and what is plainly known of each customer."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import DataFrame

from tactful.jobs.config import Config
from tactful.jobs.decide import cap_rule
from tactful.transforms.caps import counted_messages, pressure
from tactful.transforms.customers import customers as known_of


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
