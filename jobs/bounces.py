"""Bounces: what a batch must look up to tell which addresses of its persons are dead."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.config import Config
from tactful.jobs.runtime import Batch
from tactful.jobs.stitch import Stitched
from tactful.schemas.timeline import EVENTS
from tactful.transforms.addresses import HARD, dead_addresses, without_address
from tactful.transforms.links import picked
from tactful.transforms.owners import with_owner


@dataclass(frozen=True)
class Bounced:
    """The facts and labels that say which addresses are dead; `dead`: those, None without any.

    facts: also the `sent` of each message whose bounce does not name its address. labels: also of
    the identifiers that bounces and subscriptions carry, whosever they are.
    """

    facts: DataFrame
    labels: DataFrame
    dead: DataFrame | None


def bounced_of(
    batch: Batch,
    fresh: DataFrame,
    facts: DataFrame,
    theirs: DataFrame,
    stitched: Stitched,
    config: Config,
) -> Bounced:
    """What the batch must know of the touched persons' bounces.

    Most bounces name their address themselves; only for the others are messages looked up.
    facts: what bears on the touched persons. theirs: their labels.
    """
    bounces = facts.where(HARD)
    if not config.destinations or bounces.isEmpty():
        return Bounced(facts, theirs, None)
    labels = _labels_beside(
        batch, theirs, facts.where(f"({HARD}) OR type = 'subscribed'"), stitched
    )
    silent = batch.keep(without_address(facts, labels))
    if not silent.isEmpty():
        messages = batch.read(EVENTS).unionByName(fresh).where("kind = 'message'")
        sent = batch.keep(picked(messages.where("type = 'sent'"), silent, count=stitched.size))
        labels = _labels_beside(batch, labels, sent, stitched)
        facts = facts.unionByName(with_owner(sent, labels))
    dead = batch.keep(dead_addresses(facts, labels, as_of=batch.as_of))
    return Bounced(facts, labels, dead)


def _labels_beside(
    batch: Batch, labels: DataFrame, events: DataFrame, stitched: Stitched
) -> DataFrame:
    """These labels, and those of all identifiers that some events carry."""
    carried = events.select(F.explode("identifier_keys").alias("identifier_key"))
    keys = batch.keep(carried.join(labels, "identifier_key", "left_anti").distinct())
    return labels.unionByName(stitched.labels_of(batch, keys))
