"""Stitch: identifiers seen together become persons; only what new links touch is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.identity import manual
from tactful.jobs.identity.changes import (
    changes_of,
    differing,
    moves,
    nearby,
    persons_changed,
    persons_of,
    previous_labels,
    restated,
)
from tactful.jobs.identity.columns import (
    combine_chunks,
    flatten_lists,
    only_column,
    parent_row,
)
from tactful.jobs.identity.looked_up import LookedUp, looked_up
from tactful.jobs.identity.relabel import (
    NO_EXPIRIES,
    Relabelled,
    blocked_labels,
    hub_labels,
    members_of,
    others,
    relabel,
    settled_hubs,
)
from tactful.jobs.identity.shared import IN_DOUBT, beside, hubs_now, nobodys_own, sets_in_doubt
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
    the batch's identifiers, but for those of nothing but a settled hub's, those by which a word may
    be about others (see `sets_in_doubt`); all of them where what is somebody's may be others', too.
    beside: identifiers, no hubs, that the batch bears on though nothing links them to its events'.
    expiries: rows of `due`, of links that end by themselves unless they are seen again. size: how
    many identifiers that are, about.
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
    expiries: pa.Table
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
    due: DataFrame | None = None,
) -> Stitched:
    """Join the batch's links to all that they touch, and say anew who is who there.

    hubs: every hub before the batch. reactivated_identifiers: identifier_key of further identifiers
    whose labels the batch asks for. None of its events carries them, so nothing changes for them.
    due: identifier_key of those of which something ends by itself; it may be a link.
    """
    seen = seen_together(events).withColumn("batch_id", F.lit(batch.number))
    # Once out of Spark the links stay out: all that follows is arrays, and look-ups beside Spark.
    links = LINKS.conform(seen).toArrow()
    sighted = manual.seen(links)
    blocked = flatten_lists(sighted["blocked_keys"])
    has_ends = due is not None and rules.has_windows
    ending = only_column(due.toArrow()) if has_ends else pa.array([], pa.string())
    keys = pc.unique(pa.concat_arrays([flatten_lists(links["identifier_keys"]), ending]))
    asked = [blocked]
    if reactivated_identifiers is not None:
        asked.append(only_column(reactivated_identifiers.toArrow()))
    touched = _touched(batch, links, keys, pa.concat_arrays(asked))
    labels, members = touched.labels, touched.members
    before = labels.before
    news = links if batch.gathered is None else batch.logs.news_of(links)
    relabelled = _relabelled(batch, touched, news, ending, rules)
    fresh = relabelled.labels.cast(before.schema)
    if len(blocked):
        fresh = pa.concat_tables([fresh, blocked_labels(sighted, before)])
    if len(touched.settled):
        fresh = pa.concat_tables([fresh, hub_labels(sighted, before, touched.settled)])
    known = previous_labels(fresh, before)
    causes = manual.causes(news, touched.links)
    away = moves(fresh, known)
    # Nearly always nobody's person is another one.
    near = nearby(fresh, known, causes, touched.links, ending) if away.num_rows else None
    changes = changes_of(away, causes, as_of=batch.as_of, near=near)
    now = pa.concat_tables([fresh, others(before, fresh)])
    renewed = labels.renewed_with(fresh)
    told = previous_labels(renewed, labels.told)
    moved, changed, all_hubs = moves(renewed, told), restated(renewed, told), hubs_now(hubs, now)
    nobodys = nobodys_own(all_hubs, now, changed)
    persons = [
        persons_changed(renewed, told, labels.told),
        persons_of(manual.named(links), now),
    ]
    return Stitched(
        news,
        batch.numbered(differing(fresh, known)),
        batch.numbered(changes),
        batch.logs.held(now),
        batch.logs.frame(moved),
        combine_chunks(changed["identifier_key"]),
        combine_chunks(differing(renewed, told)["identifier_key"]),
        batch.logs.frame(pa.concat_tables(persons)),
        all_hubs,
        nobodys,
        touched.sets.select(IN_DOUBT)
        if rules.is_any_contested
        else sets_in_doubt(touched.sets, nobodys, rules.unique_types),
        beside(now, members),
        _falls_due(relabelled.expiries, keys, batch),
        has_moves=moved.num_rows > 0,
        has_hubs=pc.any(pc.equal(now["state"], "hub")).as_py() or False,
        size=max(touched.count, now.num_rows),
    )


def _falls_due(expiries: pa.Table, keys: pa.Array, batch: Batch) -> pa.Table:
    """Rows of `due` for links that end; a link begins and lasts longer by the batch's own sets."""
    mine = expiries.filter(pc.is_in(expiries["identifier_key"], keys))
    return batch.numbered(mine.rename_columns(["anchor_key", "due_at"]))


@dataclass(frozen=True)
class _Touched:
    """What a batch looks at: labels as they were, identifiers, links of all kinds.

    settled: the hubs that it names and of which nothing has to be looked at. sets, always, never:
    what holds of these links (see `manual.standing`). count: how many identifiers were asked for.
    """

    labels: LookedUp
    members: pa.Array
    settled: pa.Array
    links: pa.Table
    sets: pa.Table
    always: pa.Table
    never: pa.Table
    count: int


def _touched(batch: Batch, links: pa.Table, keys: pa.Array, asked: pa.Array) -> _Touched:
    """Look up the components that the batch's links touch, whole, and all links within them.

    Of two who were said to be one customer before both were seen, no component tells; so what such
    words lead to is looked up as well. keys: identifiers of which something may have changed.
    asked: those whose labels are wanted beside.
    """
    spoken_of = manual.named(links)
    while True:
        wanted = pc.unique(pa.concat_arrays([keys, asked]))
        labels = looked_up(batch, keys, wanted)
        members = members_of(labels.keys, labels.before)
        settled = _without(_settled(members, labels), spoken_of)
        members = _without(members, settled)
        found = batch.logs.touching(members, links)
        sets, always, never = manual.standing(found)
        named = manual.named(found)
        if pc.any(pc.is_in(settled, named)).as_py():
            spoken_of = named
            continue
        beyond = _without(manual.beyond(always, members), settled)
        if not len(beyond):
            return _Touched(labels, members, settled, found, sets, always, never, len(wanted))
        keys = pa.concat_arrays([keys, beyond])


def _settled(members: pa.Array, labels: LookedUp) -> pa.Array:
    """Hubs that are settled, and were when a batch last told of them."""
    settled = settled_hubs(members, labels.before)
    if labels.told is not labels.before:
        settled = settled.filter(pc.is_in(settled, settled_hubs(members, labels.told)))
    return settled


def _without(keys: pa.Array, others: pa.Array) -> pa.Array:
    return keys.filter(pc.invert(pc.is_in(keys, others)))


def _relabelled(
    batch: Batch, touched: _Touched, news: pa.Table, ending: pa.Array, rules: Identity
) -> Relabelled:
    """Who is who now among all that a batch touches; of a gathered backlog, that is new in it.

    What was seen just so when the backlog was gathered changes nothing. ending: identifiers of
    which something ends by itself.
    """
    before, members, sets = touched.labels.before, touched.members, touched.sets
    new = pc.unique(pa.concat_arrays([flatten_lists(news["identifier_keys"]), ending]))
    if not len(new):
        return Relabelled(before.slice(0, 0), NO_EXPIRIES)
    # Of two who are said to be one customer no component tells, so then all is looked at.
    if batch.gathered is not None and not touched.always.num_rows:
        members = _without(members_of(new, before), touched.settled)
        held = pc.is_in(flatten_lists(sets["identifier_keys"]), members)
        sets = sets.take(pc.unique(pa.array(parent_row(sets["identifier_keys"])).filter(held)))
    return relabel(
        sets,
        members,
        before,
        rules,
        as_of=batch.as_of,
        always=touched.always,
        never=touched.never,
    )
