"""Changes: what a batch's labels say otherwise than the labels before them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tactful.jobs.identity.columns import combine_chunks, event_rank, flatten_lists, parent_row
from tactful.schemas.words import ALWAYS, NEVER, WITHDRAWN

COMPARED = (
    "component_key", "person_id", "state", "neutral_from_at", "neutral_person_id", "is_minted",
    "first_seen_at", "last_seen_at",
)  # fmt: skip
MOVES = ("identifier_key", "from_person_id", "to_person_id")
# What says whose an event is, and what goes out for whom.
OWNING = ("person_id", "state", "neutral_from_at", "neutral_person_id")


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


def changes_of(moved: pa.Table, links: pa.Table, *, as_of: datetime | None) -> pa.Table:
    """One row for each two persons between whom identifiers moved, with the event that did it.

    A person whose own identifier became another's was merged; all else came apart. Where a word of
    the business says just that, it did it; else the newest event did. moved: see `moves`. links:
    those just seen, without the words that hold no longer (see `manual.causes`).
    """
    theirs = pc.is_in(
        flatten_lists(links["identifier_keys"]), combine_chunks(moved["identifier_key"])
    )
    links = links.take(pc.unique(pa.array(parent_row(links["identifier_keys"])).filter(theirs)))
    row, rank = parent_row(links["identifier_keys"]), event_rank(links, "last_seen")
    told = {"identifier_key": flatten_lists(links["identifier_keys"])}
    for name, word, opposite in (("as_merge", ALWAYS, NEVER), ("as_split", NEVER, ALWAYS)):
        told[name] = _weights(links, rank, word=word, opposite=opposite).take(pa.array(row))
    newest = (
        pa.table(told)
        .group_by("identifier_key")
        .aggregate([("as_merge", "max"), ("as_split", "max")])
    )
    dated = moved.join(newest, "identifier_key")
    own = pc.binary_join_element_wise("p_", dated["identifier_key"], "")
    merged = pc.and_(pc.equal(dated["from_person_id"], own), pc.is_valid(dated["to_person_id"]))
    pairs = (
        dated.append_column("is_merge", merged)
        .group_by(["from_person_id", "to_person_id"])
        .aggregate([("as_merge_max", "max"), ("as_split_max", "max"), ("is_merge", "any")])
    )
    is_merge = pairs["is_merge_any"]
    weight = pc.if_else(is_merge, pairs["as_merge_max_max"], pairs["as_split_max_max"])
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
