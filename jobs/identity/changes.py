"""Changes: what a batch's labels say otherwise than the labels before them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tactful.jobs.identity.columns import combine_chunks, event_rank, flatten_lists, parent_row
from tactful.schemas.events import ORDER
from tactful.schemas.words import ALWAYS, NEVER, WITHDRAWN

COMPARED = (
    "component_key", "person_id", "state", "neutral_from_at", "neutral_person_id", "is_minted",
    "first_seen_at", "last_seen_at",
)  # fmt: skip
MOVES = ("identifier_key", "from_person_id", "to_person_id")
# What says whose an event is, and what goes out for whom.
OWNING = ("person_id", "state", "neutral_from_at", "neutral_person_id")

# How much speaks for an event as the cause of a merge, and of a split.
WEIGHTS = ("as_merge", "as_split")
NO_COMPONENTS = pa.table(
    {name: pa.array([], pa.string()) for name in ("identifier_key", "component_key")}
)


def previous_labels(fresh: pa.Table, before: pa.Table) -> pa.Table:
    """The earlier label of each identifier, row by row; nulls where there was none."""
    places = pc.index_in(fresh["identifier_key"], combine_chunks(before["identifier_key"]))
    return before.take(places)


def differing(fresh: pa.Table, known: pa.Table) -> pa.Table:
    """The labels that say something else now, or nothing before. known: see `previous_labels`."""
    return fresh.filter(is_differing(fresh, known))


def is_differing(fresh: pa.Table, known: pa.Table) -> pa.ChunkedArray:
    """The same, row by row."""
    is_new = pc.is_null(known["identifier_key"])
    return pc.or_(is_new, _differ(fresh, known, COMPARED))


def persons_changed(fresh: pa.Table, known: pa.Table, before: pa.Table) -> pa.Table:
    """The persons who own something else now: person_id. known: see `previous_labels`.

    A new identifier matters to a person who was there before. Of one who was not, there is nothing
    yet but the events that brought it.
    """
    is_new = pc.is_null(known["identifier_key"])
    changed = pc.and_(pc.invert(is_new), _differ(fresh, known, OWNING))
    joined = fresh["person_id"].filter(is_new)
    parts = (
        fresh["person_id"].filter(changed),
        known["person_id"].filter(changed),
        joined.filter(pc.is_in(joined, combine_chunks(before["person_id"]))),
    )
    persons = pc.unique(pa.concat_arrays([combine_chunks(part) for part in parts]))
    return pa.table({"person_id": pc.drop_null(persons)})


def persons_of(keys: pa.Array, labels: pa.Table) -> pa.Table:
    """The persons whose these identifiers are: person_id."""
    mine = labels.filter(pc.is_in(labels["identifier_key"], keys))["person_id"]
    return pa.table({"person_id": pc.drop_null(pc.unique(combine_chunks(mine)))})


def restated(fresh: pa.Table, known: pa.Table) -> pa.Table:
    """Identifiers whose state is another one now, new hubs and shared devices among them.

    Keeps: identifier_key. known: see `previous_labels`.
    """
    before = pc.fill_null(known["state"], "linked")
    return fresh.select(["identifier_key"]).filter(pc.not_equal(fresh["state"], before))


def moves(fresh: pa.Table, known: pa.Table) -> pa.Table:
    """Identifiers whose person is another one now: identifier_key, from_person_id, to_person_id.

    known: see `previous_labels`.
    """
    pairs = pa.table(
        {
            "identifier_key": fresh["identifier_key"],
            "from_person_id": known["person_id"],
            "to_person_id": fresh["person_id"],
        }
    )
    return pairs.filter(is_moved(fresh, known))


def is_moved(fresh: pa.Table, known: pa.Table) -> pa.ChunkedArray:
    """The same, row by row."""
    had_one = pc.is_valid(known["person_id"])
    return pc.and_(had_one, _differ(fresh, known, ("person_id",)))


@dataclass(frozen=True)
class Nearby:
    """What hung together with what before or after a batch, to find what moved others.

    components: identifier_key, component_key. is_new: which of the links were never seen before.
    ending: identifiers of which a link may have ended by itself.
    """

    components: pa.Table
    is_new: pa.Array
    ending: pa.Array


def nearby(
    fresh: pa.Table, known: pa.Table, links: pa.Table, merged: pa.Table, ending: pa.Array
) -> Nearby:
    """What may have moved identifiers that no event of a batch carried.

    known: see `previous_labels`. links: those just seen. merged: all that hold what these hold,
    these among them. ending: see `Nearby`.
    """
    rows = [labels.select(["identifier_key", "component_key"]) for labels in (fresh, known)]
    components = pa.concat_tables(rows).drop_null().combine_chunks()
    place = pc.index_in(combine_chunks(links["link_id"]), combine_chunks(merged["link_id"]))
    first = combine_chunks(merged["first_seen"]).take(place)
    here = combine_chunks(links["first_seen"])
    same = [
        pc.fill_null(pc.equal(pc.struct_field(first, name), pc.struct_field(here, name)), True)
        for name in ORDER
    ]
    is_new = pc.and_(pc.and_(same[0], same[1]), same[2])
    distinct = components.group_by(["identifier_key", "component_key"]).aggregate([])
    return Nearby(distinct, is_new, ending)


def changes_of(
    moved: pa.Table, links: pa.Table, *, as_of: datetime | None, near: Nearby | None = None
) -> pa.Table:
    """One row for each two persons between whom identifiers moved, with the event that did it.

    A person whose own identifier became another's was merged; all else came apart. Where a word of
    the business says just that, it did it; else the newest event with any of them did. Where no
    event carried them, the newest that tied something new to what they hung together with did, or
    else the newest of any that it was seen in, unless a link of it may have ended: then nothing did
    but the clock. moved: see `moves`. links: those just seen, without the words that hold no longer
    (see `manual.causes`). near: see `nearby`; None where the links are all there ever were.
    """
    if near is None:
        near = Nearby(NO_COMPONENTS, pa.repeat(True, len(links)), pa.array([], pa.string()))
    near, links = _about(near, moved, links)
    rank = event_rank(links, "last_seen")
    tiers = _tiers(links, rank, near)
    dated = moved
    for number, tier in enumerate(tiers):
        names = ["identifier_key", *(f"{name}_{number}" for name in WEIGHTS)]
        dated = dated.join(tier.rename_columns(names), "identifier_key")
    own = pc.binary_join_element_wise("p_", dated["identifier_key"], "")
    merged = pc.and_(pc.equal(dated["from_person_id"], own), pc.is_valid(dated["to_person_id"]))
    told_of = [f"{name}_{n}" for n in range(len(tiers)) for name in WEIGHTS]
    pairs = (
        dated.append_column("is_merge", merged)
        .group_by(["from_person_id", "to_person_id"])
        .aggregate([*((name, "max") for name in told_of), ("is_merge", "any")])
    )
    is_merge = pairs["is_merge_any"]
    best = [
        pc.coalesce(*(pairs[f"{name}_{number}_max"] for number in range(len(tiers))))
        for name in WEIGHTS
    ]
    weight = pc.if_else(is_merge, *best)
    by_rank = links.select(["last_seen", "kind"]).take(pa.array(np.argsort(rank)))
    is_word = pc.greater_equal(weight, len(links))
    place = combine_chunks(pc.if_else(is_word, pc.subtract(weight, len(links)), weight))
    cause, kind = (combine_chunks(by_rank[name]).take(place) for name in ("last_seen", "kind"))
    by_data = pc.if_else(is_merge, "linked", "kept_apart")
    return pa.table(
        {
            "changed_at": pa.repeat(pa.scalar(as_of, pa.timestamp("us", "UTC")), len(pairs)),
            "kind": pc.if_else(is_merge, "merge", "split"),
            "from_person_id": pairs["from_person_id"],
            "to_person_id": pairs["to_person_id"],
            "cause_event_id": pc.binary_join_element_wise(
                pc.struct_field(cause, "stream"), pc.struct_field(cause, "event_id"), ":"
            ),
            "rule": pc.if_else(pc.fill_null(is_word, False), kind, by_data),
        }
    )


def _about(near: Nearby, moved: pa.Table, links: pa.Table) -> tuple[Nearby, pa.Table]:
    """What bears on what moved alone: of what hung together, and of the links."""
    known = near.components
    mine = pc.is_in(known["identifier_key"], combine_chunks(moved["identifier_key"]))
    theirs = combine_chunks(known["component_key"].filter(mine))
    components = known.filter(pc.is_in(known["component_key"], theirs))
    parts = [combine_chunks(rows["identifier_key"]) for rows in (moved, components)]
    held = pc.is_in(flatten_lists(links["identifier_keys"]), pa.concat_arrays(parts))
    place = pc.unique(pa.array(parent_row(links["identifier_keys"])).filter(held))
    is_new = combine_chunks(near.is_new).take(place)
    return Nearby(components, is_new, near.ending), links.take(place)


def _tiers(links: pa.Table, rank: np.ndarray, near: Nearby) -> tuple[pa.Table, ...]:
    """What speaks for what as the cause, identifier by identifier; the first that says any counts.

    Events that carried it, those that tied something new to what it hung with, any seen with that.
    """
    row = pa.array(parent_row(links["identifier_keys"]))
    told = {"identifier_key": flatten_lists(links["identifier_keys"])}
    for name, word, opposite in (("as_merge", ALWAYS, NEVER), ("as_split", NEVER, ALWAYS)):
        told[name] = _weights(links, rank, word=word, opposite=opposite).take(row)
    seen, components = pa.table(told), near.components
    over = components.filter(pc.is_in(components["identifier_key"], near.ending))
    is_over = pc.is_in(components["component_key"], combine_chunks(over["component_key"]))
    return (
        _newest(seen, "identifier_key"),
        _newest_near(seen.filter(near.is_new.take(row)), components),
        _newest_near(seen, components.filter(pc.invert(is_over))),
    )


def _newest(seen: pa.Table, by: str) -> pa.Table:
    """What speaks most for a merge, and for a split, of each identifier or component."""
    found = seen.group_by(by).aggregate([(name, "max") for name in WEIGHTS])
    return found.select([by, *(f"{name}_max" for name in WEIGHTS)]).rename_columns([by, *WEIGHTS])


def _newest_near(seen: pa.Table, components: pa.Table) -> pa.Table:
    """The same of each identifier by what any that hung together with it was seen in."""
    tied = _newest(
        seen.join(components, "identifier_key", join_type="inner").select(
            ["component_key", *WEIGHTS]
        ),
        "component_key",
    )
    both = components.join(tied, "component_key", join_type="inner")
    return _newest(both.select(["identifier_key", *WEIGHTS]), "identifier_key")


def _weights(links: pa.Table, rank: np.ndarray, *, word: str, opposite: str) -> pa.Array:
    """How much speaks for each link as the cause: its rank, and that of a fitting word above all.

    Null where it says the opposite.
    """
    kind = combine_chunks(links["kind"])
    fits = pc.is_in(kind, pa.array([word, WITHDRAWN]))
    says_no = pc.is_in(kind, pa.array([opposite]))
    weight = pc.if_else(fits, pa.array(rank + len(rank)), pa.array(rank))
    return pc.if_else(says_no, pa.scalar(None, pa.int64()), weight)


def _differ(fresh: pa.Table, known: pa.Table, names: tuple[str, ...]) -> pa.ChunkedArray:
    """Whether any of these columns says something else, row by row."""
    differs = pa.chunked_array([pa.repeat(False, len(fresh))])
    for name in names:
        now, then = fresh[name], known[name]
        same = pc.coalesce(pc.equal(now, then), pc.and_(pc.is_null(now), pc.is_null(then)))
        differs = pc.or_(differs, pc.invert(same))
    return differs
