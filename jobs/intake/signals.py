"""Signals of consent as they land: an event each (see `transforms/sources/signals.py`)."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from tactful.jobs.lake.frames import frame_of
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config
from tactful.transforms.sources.signals import is_name, may_hold_any, with_signals


def with_signals_apart(
    lake: Lake, config: Config, received: DataFrame | pa.Table, landed: DataFrame
) -> DataFrame | pa.Table:
    """Give each signal of consent that these rows carry an event of its own.

    received: columns of `received`, of this process or Spark's; they come back as they came.
    landed: the rows that they were read from. Where no row carries any, none is looked at twice:
    to do so costs a quarter of reading it.
    """
    vendors = config.consent.tcf_vendors
    if not isinstance(received, pa.Table):
        if landed.where(may_hold_any()).isEmpty():
            return received
        return with_signals(received, tcf_vendors=vendors)
    named = (pc.unique(chunk.keys).to_pylist() for chunk in received["properties"].chunks)
    if not any(is_name(name) for names in named for name in names):
        return received
    return with_signals(frame_of(lake.spark, received), tcf_vendors=vendors).toArrow()
