"""Keyed: the keys of identifiers as they came, in one place for all who need them."""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from tactful.jobs.identity.spellings import read_all
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config
from tactful.transforms.identity.keys import key_identifiers, odd_spellings

SPELLED = "type string, value string, normal string"
SETS = "identifiers array<struct<type:string,value:string>>"


def keys_of(lake: Lake, sets: DataFrame, config: Config) -> DataFrame:
    """The keys of all these combinations of identifiers (see `key_identifiers`).

    Phone numbers, and addresses with accents, pass through this process, each once: the libraries
    that read them are Python's.
    """
    odd = odd_spellings(sets).select("type", "value").distinct().collect()
    normal = read_all(((row.type, row.value) for row in odd), region=config.identity.phone_region)
    told = [{"type": t, "value": v, "normal": form} for (t, v), form in sorted(normal.items())]
    return key_identifiers(
        sets,
        small_frame(lake.spark, told, StructType.fromDDL(SPELLED)),
        lake.pads(config),
        priorities={name: kind.priority for name, kind in config.identity.types.items()},
        blocked=config.identity.blocked,
    )


def keys_told(lake: Lake, told: Iterable[list[dict[str, str]]], config: Config) -> DataFrame:
    """The same for combinations of this process: type and value of each identifier in them."""
    sets = ({"identifiers": identifiers} for identifiers in told)
    frame = small_frame(lake.spark, sets, StructType.fromDDL(SETS))
    return keys_of(lake, frame.distinct(), config)
