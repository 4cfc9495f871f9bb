"""Bounces: what a batch must look up to tell which addresses of its persons are dead."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Config
from tactful.jobs.stitch import Stitched
from tactful.transforms.addresses import (
    HARD,
    dead_addresses,
    is_on_no_channel,
    on_their_channels,
)


@dataclass(frozen=True)
class Bounced:
    """What says which addresses are dead; `dead`: those, None without any.

    facts: all that bears on the persons, each bounce on the channel of its address.
    labels: the persons' own, and those of the identifiers that bounces, their sendings and
    subscriptions carry, whosever they are.
    """

    facts: DataFrame
    labels: DataFrame
    dead: DataFrame | None


def bounced_of(
    batch: Batch,
    facts: DataFrame,
    affected_identifiers: DataFrame,
    stitched: Stitched,
    config: Config,
) -> Bounced:
    """What the batch must know of the affected persons' bounces.

    facts: what bears on the affected persons, with all that became of each message that bounced.
    theirs: their labels.
    """
    bounces = facts.where(HARD)
    if not config.destinations or bounces.isEmpty():
        return Bounced(facts, affected_identifiers, None)
    sent = facts.where("type = 'sent'").join(bounces.select("message_id"), "message_id", "semi")
    carrying = facts.where(f"({HARD}) OR type = 'subscribed'").select("identifier_keys")
    carrying = carrying.union(sent.select("identifier_keys"))
    carrying = carrying.union(bounces.where("sent_keys IS NOT NULL").select("sent_keys"))
    labels = _labels_beside(batch, affected_identifiers, carrying, stitched)
    if not bounces.where(is_on_no_channel()).isEmpty():
        facts = batch.keep(on_their_channels(facts, labels))
    return Bounced(facts, labels, batch.keep(dead_addresses(facts, labels, as_of=batch.as_of)))


def _labels_beside(
    batch: Batch, labels: DataFrame, events: DataFrame, stitched: Stitched
) -> DataFrame:
    """These labels, and those of all identifiers that some events carry."""
    carried = events.select(F.explode("identifier_keys").alias("identifier_key"))
    keys = batch.keep(carried.join(labels, "identifier_key", "left_anti").distinct())
    return labels.unionByName(stitched.labels_of(batch, keys))
