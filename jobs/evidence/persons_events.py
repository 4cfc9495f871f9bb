"""Persons' events: what still bears on the affected persons, by whatever identifier it names."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.evidence.affected import keys_of
from tactful.jobs.runs.batches import Batch
from tactful.jobs.stitch import Stitched
from tactful.transforms.identity.links import semi_join
from tactful.transforms.identity.owners import with_owner


def events_of_persons(
    batch: Batch,
    relevant_events: DataFrame,
    affected_identifiers: DataFrame,
    stitched: Stitched,
    *,
    hubs: DataFrame,
) -> DataFrame:
    """What still bears on the affected persons by the identifiers that it names, with its owner.

    hubs: anchor_key of every hub as the batch leaves it.
    """
    anchors = affected_identifiers.select(F.col("identifier_key").alias("anchor_key"))
    owned = with_owner(
        semi_join(relevant_events, anchors, count=stitched.size), affected_identifiers, hubs=False
    )
    if not hubs.isEmpty():
        owned = owned.unionByName(
            _behind_hubs(batch, relevant_events, hubs, affected_identifiers, stitched)
        )
    return owned


def _behind_hubs(
    batch: Batch,
    relevant_events: DataFrame,
    hubs: DataFrame,
    affected_identifiers: DataFrame,
    stitched: Stitched,
) -> DataFrame:
    """Events whose best identifier is a hub, so that a further one says whose they are."""
    anchored = semi_join(relevant_events, hubs, count=stitched.size)
    sets = anchored.select("identifier_keys").distinct()
    held = sets.select("identifier_keys", F.explode("identifier_keys").alias("identifier_key"))
    mine = semi_join(held, affected_identifiers.select("identifier_key"), count=stitched.size)
    events = batch.keep(semi_join(anchored, mine.select("identifier_keys"), count=stitched.size))
    return with_owner(events, stitched.labels_of(batch, keys_of(events)))
