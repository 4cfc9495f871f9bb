"""Summarise: contact pressure per cap, and what is plainly known of each customer."""

from __future__ import annotations

from datetime import datetime
from functools import reduce

from pyspark.sql import DataFrame

from tactful.jobs.config import Config
from tactful.jobs.decide import counted
from tactful.transforms.caps import pressure


def pressures(timeline: DataFrame, config: Config, *, as_of: datetime) -> DataFrame | None:
    """How often each person was contacted, cap by cap; None without caps."""
    frames = [
        pressure(
            counted(cap, timeline), cap=cap.name, limit=cap.limit, window=cap.window, as_of=as_of
        )
        for cap in config.caps
    ]
    return reduce(DataFrame.unionByName, frames) if frames else None
