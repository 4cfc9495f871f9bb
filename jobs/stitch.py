"""Stitch: identifiers seen together become persons; only what new links touch is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.identity.changes import (
    changes_of,
    differing,
    moves,
    persons_changed,
    restated,
)
from tactful.jobs.identity.columns import (
    combine_chunks,
    flatten_lists,
    only_column,
    parent_row,
)
from tactful.jobs.identity.looked_up import looked_up
from tactful.jobs.identity.relabel import (
    blocked_labels,
    members_of,
    others,
    previous_labels,
    relabel,
)
from tactful.jobs.identity.shared import beside, hubs_now, nobodys_own, sets_in_doubt
from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Identity
from tactful.schemas.identity import LINKS
from tactful.transforms.identity.links import seen_together, semi_join


@dataclass(frozen=True)
class Stitched:
    """What a batch changed: rows for the logs, the labels of all it affected, persons that moved.

    affected: as the batch leaves them, the labels of every component that holds an identifier of
    the batch. moved: identifiers that are another person's now. restated: those whose state is
    another one now: linked, hub or neutral. renewed: those with another label now. persons:
    person_id of those who own something else now. hubs: every hub now. nobodys: those, shared
    devices of the batch, and what was restated. sets_in_doubt: of all sets that were ever seen with
    the batch's identifiers those by which a word may be about others (see `sets_in_doubt`).
    beside: identifiers, no hubs, that the batch bears on though nothing links them to its events'.
    size: how many identifiers that are, about.
    """

    links: pa.Table
    labels: pa.Table
    changes: pa.Table
    affected: DataFrame
    moved: DataFrame
    restated: pa.Array
    renewed: pa.Array
    persons: DataFrame
    hubs: pa.Array
    nobodys: pa.Array
    sets_in_doubt: pa.Table
    beside: pa.Array
    has_moves: bool
    has_hubs: bool
    size: int

    def labels_of(self, batch: Batch, keys: DataFrame) -> DataFrame:
        """The labels of any identifiers, as this batch leaves them."""
        before = batch.logs.labels_of(keys, count=self.size).drop("batch_id")
        rest = before.join(self.affected.select("identifier_key"), "identifier_key", "left_anti")
        return rest.unionByName(semi_join(self.affected, keys, count=self.size))


def stitch(
    batch: Batch,
    events: DataFrame,
    rules: Identity,
    *,
    hubs: pa.Array,
    reactivated_identifiers: DataFrame | None = None,
) -> Stitched:
    """Join the batch's links to all that they touch, and say anew who is who there.

    hubs: every hub before the batch. reactivated_identifiers: identifier_key of further identifiers
    whose labels the batch asks for. None of its events carries them, so nothing changes for them.
    """
    seen = seen_together(events).withColumn("batch_id", F.lit(batch.number))
    # Once out of Spark the links stay out: all that follows is arrays, and look-ups beside Spark.
    links = LINKS.conform(seen).toArrow()
    keys = pc.unique(flatten_lists(links["identifier_keys"]))
    blocked = flatten_lists(links["blocked_keys"])
    asked = [keys, blocked]
    if reactivated_identifiers is not None:
        asked.append(only_column(reactivated_identifiers.toArrow()))
    wanted = pc.unique(pa.concat_arrays(asked))
    labels = looked_up(batch, keys, wanted)
    before, members = labels.before, members_of(labels.keys, labels.before)
    sets = batch.logs.touching(members, links)
    news = links if batch.gathered is None else batch.logs.news_of(links)
    fresh = _relabelled(sets, news, members, before, rules)
    if len(blocked):
        fresh = pa.concat_tables([fresh, blocked_labels(links, before)])
    known = previous_labels(fresh, before)
    changes = changes_of(moves(fresh, known), news, as_of=batch.as_of)
    now = pa.concat_tables([fresh, others(before, fresh)])
    renewed = labels.renewed_with(fresh)
    told = previous_labels(renewed, labels.told)
    moved, changed, all_hubs = moves(renewed, told), restated(renewed, told), hubs_now(hubs, now)
    nobodys = nobodys_own(all_hubs, now, changed)
    return Stitched(
        news,
        batch.numbered(differing(fresh, known)),
        batch.numbered(changes),
        batch.logs.held(now),
        batch.logs.frame(moved),
        combine_chunks(changed["identifier_key"]),
        combine_chunks(differing(renewed, told)["identifier_key"]),
        batch.logs.frame(persons_changed(renewed, told, labels.told)),
        all_hubs,
        nobodys,
        sets_in_doubt(sets, nobodys, rules.unique_types),
        beside(now, members),
        has_moves=moved.num_rows > 0,
        has_hubs=pc.any(pc.equal(now["state"], "hub")).as_py() or False,
        size=max(len(wanted), now.num_rows),
    )


def _relabelled(
    sets: pa.Table, news: pa.Table, members: pa.Array, before: pa.Table, rules: Identity
) -> pa.Table:
    """Who is who now among all that these news touch; nobody where they touch nothing.

    What was seen just so before, in one batch or when a backlog was gathered, changes nothing.
    """
    touched = pc.unique(flatten_lists(news["identifier_keys"]))
    if not len(touched):
        return before.schema.empty_table()
    fewer = members_of(touched, before)
    if len(fewer) < len(members):
        members = fewer
        held = pc.is_in(flatten_lists(sets["identifier_keys"]), members)
        sets = sets.take(pc.unique(pa.array(parent_row(sets["identifier_keys"])).filter(held)))
    return relabel(sets, members, before, rules).cast(before.schema)
