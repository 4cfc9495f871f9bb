"""Keyed: the keys of identifiers as they came, in one place for all who need them."""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from tactful.jobs.identity.phones import normalise_all
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config
from tactful.transforms.identity.keys import key_identifiers, phone_numbers

SETS = "identifiers array<struct<type:string,value:string>>"


def keys_of(lake: Lake, sets: DataFrame, config: Config) -> DataFrame:
    """The keys of all these combinations of identifiers (see `key_identifiers`).

    Phone numbers pass through this process, each once: the library that reads them is Python's.
    """
    raw = [row.value for row in phone_numbers(sets).select("value").distinct().collect()]
    normal = normalise_all(raw, region=config.identity.phone_region)
    pairs = [{"value": value, "e164": e164} for value, e164 in sorted(normal.items())]
    phones = small_frame(lake.spark, pairs, StructType.fromDDL("value string, e164 string"))
    return key_identifiers(
        sets,
        phones,
        lake.pads(config),
        priorities={name: kind.priority for name, kind in config.identity.types.items()},
        blocked=config.identity.blocked,
    )


def keys_told(lake: Lake, told: Iterable[list[dict[str, str]]], config: Config) -> DataFrame:
    """The same for combinations of this process: type and value of each identifier in them."""
    sets = ({"identifiers": identifiers} for identifiers in told)
    frame = small_frame(lake.spark, sets, StructType.fromDDL(SETS))
    return keys_of(lake, frame.distinct(), config)
