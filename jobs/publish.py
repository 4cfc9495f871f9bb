"""Publish: fold the logs into the tables people read, one row a key, persons resolved."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from pyspark import inheritable_thread_target
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs import decide, fused
from tactful.jobs.errors import LakeDamaged
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.scratch import Keep, scratch
from tactful.jobs.lake.state import read_json
from tactful.jobs.settings.config import Config
from tactful.jobs.summarise import customers, left_out, pressures
from tactful.schemas.catalog import PUBLISHED
from tactful.schemas.customers import CUSTOMERS
from tactful.schemas.identity import IDENTITY, LABELS
from tactful.schemas.outcomes import OUTCOMES
from tactful.schemas.records import LEFT_OUT
from tactful.schemas.reference import PRODUCTS
from tactful.schemas.suppressions import PRESSURE, REGRETS, SUPPRESSIONS
from tactful.schemas.table import Table
from tactful.schemas.timeline import TIMELINE, TIMELINE_LOG
from tactful.transforms.addresses import on_their_channels
from tactful.transforms.closings import (
    carriers,
    closings_of_nobody,
    for_all_named,
    for_carriers,
    is_closing,
)
from tactful.transforms.identity.links import latest
from tactful.transforms.message_facts import settled
from tactful.transforms.outcomes import outcomes
from tactful.transforms.regrets import marketing_messages, regrets
from tactful.transforms.settled import settled_lines

STATE = "_published.json"
CLOCKED = (PRESSURE, CUSTOMERS, LEFT_OUT)
READS = (LABELS, TIMELINE_LOG, PRODUCTS)
# Of what happened, compressed: so little that every published table fits into this process.
FEW_BYTES = 2_000_000


def publish(
    lake: Lake,
    config: Config,
    *,
    as_of: datetime,
    on_progress: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Publish every table whose inputs changed since it was last published.

    What was published from which versions stands in one file that is written last: a publish
    that was killed half-way is done again by the next run, whether or not data came.
    """
    versions = {table.id: lake.version(table) for table in READS}
    born = (lake.state() or {}).get("generations", {}).get(fused.QUERY)
    wanted = {table.name: _inputs(table, versions, config, as_of, born) for table in PUBLISHED}
    published = _published(lake)
    stale = [t for t in PUBLISHED if published.get("made_from", {}).get(t.name) != wanted[t.name]]
    if not stale:
        return []
    size = lake.size(TIMELINE_LOG, versions[TIMELINE_LOG.id])
    with scratch(lake, size=size) as keep:
        frames = _frames(lake, config, versions, as_of, stale, keep)
        _overwrite(lake, frames, on_progress, few=size <= FEW_BYTES)
    state = {
        "as_of": as_of.isoformat(),
        "made_from": wanted,
        "tables": {table.name: lake.version(table) for table in PUBLISHED},
    }
    document = json.dumps(state, indent=2, sort_keys=True) + "\n"
    lake.store.write_text(f"{lake.location}/{STATE}", document)
    return [table.name for table in stale]


def _published(lake: Lake) -> dict[str, Any]:
    """What was published last; nothing where that is damaged, so that all is published anew."""
    try:
        return read_json(lake.store, f"{lake.location}/{STATE}", way_out="remove it") or {}
    except LakeDamaged:
        return {}


def _inputs(
    table: Table, versions: dict[str, int], config: Config, as_of: datetime, born: str | None
) -> dict[str, Any]:
    """What a table was made from: log versions, configuration, and the clock where it matters.

    born: the generation of the main query. A replay makes its logs anew, whose versions may be as
    many as those of the logs before.
    """
    made_from: dict[str, Any] = {"configuration": config.hash, "generation": born, **versions}
    if table in CLOCKED:
        made_from["as_of"] = as_of.isoformat()
    return made_from


def _frames(
    lake: Lake,
    config: Config,
    versions: dict[str, int],
    as_of: datetime,
    stale: list[Table],
    keep: Keep,
) -> dict[Table, DataFrame]:
    labels = keep(latest(lake.read(LABELS, versions[LABELS.id]), key=["identifier_key"]))
    products = lake.read(PRODUCTS, versions[PRODUCTS.id])
    timeline = keep(
        settled(
            lake.read(TIMELINE_LOG, versions[TIMELINE_LOG.id]),
            labels,
            hubs=not labels.where("state = 'hub'").isEmpty(),
        )
    )
    followed = keep(outcomes(timeline, window=config.attribution.window))
    lines = keep(settled_lines(timeline, currency=config.business.currency))
    frames: dict[Table, DataFrame] = {
        IDENTITY: labels,
        TIMELINE: timeline,
        OUTCOMES: followed,
        CUSTOMERS: customers(timeline, followed, lines, as_of=as_of),
    }
    pressed = pressures(timeline, config, as_of=as_of)
    closings = on_their_channels(_closings(timeline, labels, keep), labels)
    told = timeline.where(~is_closing()).unionByName(closings)
    suppressed = decide.suppressions(
        told, labels, products, lines, rules=config.rules, caps=config.caps
    )
    if pressed is not None:
        frames[PRESSURE] = pressed
    if suppressed is not None:
        suppressed = keep(suppressed)
        frames[SUPPRESSIONS] = suppressed
        messages = marketing_messages(timeline, products)
        frames[REGRETS] = regrets(messages, suppressed, shares=decide.shares(config))
        frames[LEFT_OUT] = left_out(told, suppressed, config, as_of=as_of)
    for table in (PRESSURE, SUPPRESSIONS, REGRETS, LEFT_OUT):
        frames.setdefault(table, small_frame(lake.spark, [], table.struct()))
    return {table: frames[table] for table in stale}


def _closings(timeline: DataFrame, labels: DataFrame, keep: Keep) -> DataFrame:
    """What closes channels, once for everybody whom it may be about. timeline: see `settled`."""
    closings = keep(for_all_named(timeline.where(is_closing())))
    nobodys = closings_of_nobody(closings)
    if nobodys.isEmpty():
        return closings
    keys = nobodys.select(F.explode("identifier_keys").alias("identifier_key")).distinct()
    sets = timeline.select("identifier_keys").distinct()
    held = sets.withColumn("identifier_key", F.explode("identifier_keys")).join(
        keys, "identifier_key", "left_semi"
    )
    carried = carriers(held.select("identifier_keys").distinct(), labels)
    carried = carried.join(keys, "identifier_key", "left_semi")
    return closings.unionByName(for_carriers(nobodys, carried))


def _overwrite(
    lake: Lake, frames: dict[Table, DataFrame], on_progress: Callable[[str], None], *, few: bool
) -> None:
    def write(table: Table, frame: DataFrame) -> None:
        lake.overwrite(table, table.conform(frame), few=few)
        on_progress(f"published {table.name}")

    with ThreadPoolExecutor(2) as pool:
        work = inheritable_thread_target(lake.spark)(write)
        for done in [pool.submit(work, table, frame) for table, frame in frames.items()]:
            done.result()
