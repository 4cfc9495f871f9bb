"""Manual links: which two identifiers the business says are one customer, or never are.

Rows of `links`, in arrays: those of the kinds that no event shows are words on two identifiers. Of
a pair, in whichever order its two were written, the newest word holds.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tactful.jobs.identity.columns import combine_chunks, event_rank, flatten_lists
from tactful.schemas.words import ALWAYS, MANUAL_LINK_TYPES, NEVER

PAIR = ["identifier_key", "other_key"]


def seen(links: pa.Table) -> pa.Table:
    """The rows of what was seen together in events."""
    manual = _is_manual(links)
    # Nearly always there are none, and links are many.
    return links.filter(pc.invert(manual)) if pc.any(manual).as_py() else links


def words(links: pa.Table) -> pa.Table:
    """The rows of what was said of two identifiers.

    Another list of blocked values may have left less than two of a word that was accepted before:
    then it is about no pair any more.
    """
    is_pair = pc.equal(pc.list_value_length(links["identifier_keys"]), 2)
    return links.filter(pc.and_(_is_manual(links), is_pair))


def newest_words(links: pa.Table) -> pa.Table:
    """Of each pair the row of its newest word, by (occurred_at, stream, event_id)."""
    said = words(links)
    if not said.num_rows:
        return said
    rank = event_rank(said, "last_seen")
    told = pairs(said).append_column("rank", pa.array(rank))
    newest = told.group_by(PAIR).aggregate([("rank", "max")])
    return said.take(pa.array(np.argsort(rank)).take(combine_chunks(newest["rank_max"])))


def standing(links: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    """What holds: the rows of what was seen, the pairs of one customer, those of never one.

    Pairs have the columns of PAIR, each pair once, in the order of priority and key. One whose
    newest word is a withdrawal is in neither.
    """
    newest = newest_words(links)
    always, never = (pairs(newest.filter(pc.equal(newest["kind"], k))) for k in (ALWAYS, NEVER))
    return seen(links), always, never


def pairs(said: pa.Table) -> pa.Table:
    """The two identifiers of each word, row by row. said: see `words`."""
    keys = combine_chunks(said["identifier_keys"])
    return pa.table({name: pc.list_element(keys, at) for at, name in enumerate(PAIR)})


def named(links: pa.Table) -> pa.Array:
    """Every identifier of which these rows say a word."""
    return pc.unique(flatten_lists(words(links)["identifier_keys"]))


def beyond(always: pa.Table, members: pa.Array) -> pa.Array:
    """The identifiers that are said to be a member's, and are not among the members.

    always: pairs of one customer (see `standing`).
    """
    keys = pc.unique(pa.concat_arrays([combine_chunks(always[name]) for name in PAIR]))
    return keys.filter(pc.invert(pc.is_in(keys, members)))


def causes(links: pa.Table, known: pa.Table) -> pa.Table:
    """What of a batch's links may have changed a person: not the words that a newer one overtook.

    links: those of the batch. known: all that hold what these hold, the batch's among them.
    """
    holds = pc.is_in(links["link_id"], combine_chunks(newest_words(known)["link_id"]))
    return links.filter(pc.or_(pc.invert(_is_manual(links)), holds))


def _is_manual(links: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(links["kind"], pa.array(MANUAL_LINK_TYPES))
