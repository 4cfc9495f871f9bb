"""Shards: a whole log of links labelled on the executors, a shard of whole components at a time.

Nothing that grows with the log passes through the driver, but counts.
"""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.errors import StepFailed
from tactful.jobs.identity.connected import connected
from tactful.jobs.identity.labelling import Rules
from tactful.jobs.identity.shard import FOUND, SAID, labeller
from tactful.jobs.lake.store import Keep
from tactful.schemas.identity import LABELS, LINKS
from tactful.transforms.identity.links import is_seen, latest
from tactful.transforms.identity.shards import (
    Bounds,
    busy,
    first_key,
    homes,
    hubs_among,
    in_shards,
    known_before,
    pairs_of,
    per_identifier,
    shards_for,
    without_hubs,
)

KEY = ["identifier_key"]
# What one process of an executor labels at once: some hundred MiB.
SHARD_IDENTIFIERS = 200_000
# How far off a count may be that only decides where the work is done.
ABOUT = 0.02


def are_more(links: DataFrame, limit: int) -> bool:
    """Whether more identifiers than this were seen. links: the log.

    Most logs are so short that all their sets together hold fewer; then none is counted twice.
    """
    sets = links.where(is_seen())
    members = sets.agg(F.sum(F.size("identifier_keys"))).first()[0] or 0
    if members <= limit:
        return False
    keys = sets.select(F.explode("identifier_keys").alias("key"))
    return keys.agg(F.approx_count_distinct("key", ABOUT)).first()[0] > limit


def label_in_shards(
    links: DataFrame,
    labels: DataFrame,
    rules: Rules,
    *,
    as_of: datetime,
    keep: Keep,
) -> DataFrame:
    """Who is who by the whole log of links, a row an identifier. Columns: FOUND.

    links: the log. labels: the log as it was before. keep: lays a frame aside as files.
    Raises: StepFailed, where identifiers were lost on the way, or were in two shards.
    """
    log, bounds = LINKS.conform(links), _bounds(rules)
    identifiers = keep(per_identifier(log.where(is_seen())))
    count = identifiers.count()
    shards = shards_for(count, shard_identifiers=SHARD_IDENTIFIERS)
    sets = keep(_without_hubs(log, identifiers, bounds, keep))
    joined = connected(pairs_of(sets), keep=keep)
    home = keep(homes(joined, shards=shards, shard_identifiers=SHARD_IDENTIFIERS))
    before = known_before(latest(LABELS.conform(labels).where("state != 'blocked'"), key=KEY))
    mine = in_shards(sets, first_key(), home, shards=shards)
    theirs = in_shards(before, F.col("identifier_key"), home, shards=shards)
    asked = theirs.select("shard", *SAID, "active_since")
    columns = ", ".join(f"{name} {kind}" for name, kind in FOUND.items())
    grouped = mine.groupBy("shard").cogroup(asked.groupBy("shard"))
    found = keep(grouped.applyInArrow(labeller(rules, as_of=as_of), columns))
    if (labelled := found.count()) != count:
        raise StepFailed(
            f"Of {count:,} identifiers {labelled:,} were labelled: what was laid aside is not "
            "what was written, or one component came into two shards; nothing of it was kept. "
            "Run again."
        )
    return found


def _bounds(rules: Rules) -> dict[str, Bounds]:
    kinds = rules.kinds
    numbers = zip(kinds.priority, kinds.max_links, kinds.max_devices, strict=True)
    told = (Bounds(*map(int, bounds)) for bounds in numbers)
    return dict(zip(rules.names, told, strict=True))


def _without_hubs(
    log: DataFrame, identifiers: DataFrame, bounds: dict[str, Bounds], keep: Keep
) -> DataFrame:
    asked = keep(busy(identifiers, bounds))
    if not (count := asked.count()):
        return without_hubs(log, asked, count=0)
    hubs = keep(hubs_among(asked, log.where(is_seen()), bounds, count=count))
    return without_hubs(log, hubs, count=hubs.count())
