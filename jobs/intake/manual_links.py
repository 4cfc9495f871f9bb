"""Manual links as they land: whether each names two identifiers can only be told by their keys.

What is no pair is refused here, beside all else that is wrong with a row: once accepted, an id is
taken, and the corrected event would be a repeat.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from tactful.jobs.identity.keyed import keys_told
from tactful.jobs.lake.frames import frame_of
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config
from tactful.schemas.intake import RECEIVED
from tactful.schemas.words import MANUAL_LINK_TYPES
from tactful.transforms.identity.manual_links import is_manual_link, refuse_unless_two


def without_unclear_links(
    lake: Lake, config: Config, received: DataFrame | pa.Table
) -> DataFrame | pa.Table:
    """Give the reason to every manual link that does not name two identifiers, each usable.

    received: columns of `received`, of this process or Spark's; they come back as they came.
    """
    if isinstance(received, pa.Table):
        if not pc.any(pc.is_in(received["type"], pa.array(MANUAL_LINK_TYPES))).as_py():
            return received
        return _judged(lake, config, frame_of(lake.spark, received)).toArrow()
    return _judged(lake, config, received)


def _judged(lake: Lake, config: Config, received: DataFrame) -> DataFrame:
    said = received.where(is_manual_link()).select("identifiers").distinct().collect()
    if not said:
        return received
    told = [[i.asDict() for i in row.identifiers] for row in said if row.identifiers is not None]
    keys = keys_told(lake, told, config).drop("known").toArrow()
    judged = refuse_unless_two(received, frame_of(received.sparkSession, keys))
    return RECEIVED.conform(judged)
