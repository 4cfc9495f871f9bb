"""Relabel: what is known of some identifiers and their links, as columns; who they are, too.

Spark fetches what a batch touches; from there on it is numbers in arrays, on the driver.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tactful.jobs.identity.changes import previous_labels
from tactful.jobs.identity.columns import combine_chunks, flatten_lists, instants, parent_row
from tactful.jobs.identity.labelling import (
    called_by,
    expiries_of,
    label,
    number_table,
    plain_rules,
    rows_of,
)
from tactful.jobs.settings.config import Identity
from tactful.transforms.identity.arrays import NOBODY


def members_of(seen: pa.Array, before: pa.Table) -> pa.Array:
    """The identifiers just seen and all that was ever linked to them.

    A component is worked out whole or not at all. Blocked identifiers have labels too, but link
    nothing.
    """
    linking = before.filter(pc.not_equal(before["state"], "blocked"))
    known = linking.filter(pc.is_in(linking["identifier_key"], seen))
    theirs = linking.filter(
        pc.is_in(linking["component_key"], combine_chunks(known["component_key"]))
    )
    return pc.unique(pa.concat_arrays([combine_chunks(theirs["identifier_key"]), seen]))


def settled_hubs(members: pa.Array, before: pa.Table) -> pa.Array:
    """The members that were seen with too many others, and that nothing is tied to.

    They are hubs for ever, whatever comes: none of what they were seen with has to be looked at
    again, which for a constant of an app is half of a log. One that gave way between two customers
    is a hub, too, but is tied to both, and may get over it.
    """
    is_hub = pc.equal(before["state"], "hub")
    keys = combine_chunks(before["identifier_key"])
    alone = pc.equal(combine_chunks(before["component_key"]), keys)
    tied = before.filter(pc.invert(alone))["component_key"]
    found = keys.filter(combine_chunks(pc.and_(is_hub, alone)))
    found = found.filter(pc.invert(pc.is_in(found, combine_chunks(tied))))
    return found.filter(pc.is_in(found, members))


def hub_labels(links: pa.Table, before: pa.Table, hubs: pa.Array) -> pa.Table:
    """The labels of settled hubs in these links: when they were seen, and all else as it was."""
    row = parent_row(links["identifier_keys"])
    held = pa.table(
        {
            "identifier_key": flatten_lists(links["identifier_keys"]),
            "first_seen_at": instants(links, "first_seen").take(row),
            "last_seen_at": instants(links, "last_seen").take(row),
        }
    )
    held = held.filter(pc.is_in(held["identifier_key"], hubs))
    seen = held.group_by("identifier_key").aggregate(
        [("first_seen_at", "min"), ("last_seen_at", "max")]
    )
    known = previous_labels(seen, before)
    labels = {
        "first_seen_at": _first_of(seen["first_seen_at_min"], known["first_seen_at"]),
        "last_seen_at": _last_of(seen["last_seen_at_max"], known["last_seen_at"]),
    }
    return pa.table({name: labels.get(name, known[name]) for name in before.column_names}).cast(
        before.schema
    )


def _first_of(now: pa.ChunkedArray, then: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.fill_null(pc.less(then, now), False), then, now)


def _last_of(now: pa.ChunkedArray, then: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.fill_null(pc.greater(then, now), False), then, now)


def blocked_labels(links: pa.Table, before: pa.Table) -> pa.Table:
    """The labels of the blocked identifiers in these links, to look up why they link nobody."""
    return labels_of_blocked(blocked_in(links), before)


def labels_of_blocked(seen: pa.Table, before: pa.Table) -> pa.Table:
    """The same. seen: see `blocked_in`."""
    known = previous_labels(seen, before)
    labels = {
        "identifier_key": seen["identifier_key"],
        "identifier_type": seen["identifier_type"],
        "component_key": seen["identifier_key"],
        "state": pa.repeat("blocked", len(seen)),
        "is_minted": pa.repeat(False, len(seen)),
        "first_seen_at": _first_of(seen["first_seen_at"], known["first_seen_at"]),
        "last_seen_at": _last_of(seen["last_seen_at"], known["last_seen_at"]),
    }
    columns = {name: labels.get(name, pa.nulls(len(seen))) for name in before.column_names}
    return pa.table(columns).cast(before.schema)


def blocked_in(links: pa.Table) -> pa.Table:
    """The blocked identifiers, and when they were first and last seen."""
    row = parent_row(links["blocked_keys"])
    held = pa.table(
        {
            "identifier_key": flatten_lists(links["blocked_keys"]),
            "identifier_type": flatten_lists(links["blocked_types"]),
            "first_seen_at": instants(links, "first_seen").take(row),
            "last_seen_at": instants(links, "last_seen").take(row),
        }
    )
    return blocked_once(held)


def blocked_once(held: pa.Table) -> pa.Table:
    """One row each of blocked identifiers that several sets hold. held: as `blocked_in` gives."""
    found = held.group_by(["identifier_key", "identifier_type"]).aggregate(
        [("first_seen_at", "min"), ("last_seen_at", "max")]
    )
    return found.rename_columns(held.column_names)


def others(before: pa.Table, fresh: pa.Table) -> pa.Table:
    """The labels that were not worked out anew."""
    anew = pc.is_in(before["identifier_key"], combine_chunks(fresh["identifier_key"]))
    return before.filter(pc.invert(anew))


@dataclass(frozen=True)
class Relabelled:
    """Labels of some identifiers, and for those that have a link with an end when it ends.

    expiries: identifier_key, expires_at, of the first of an identifier's links to end.
    """

    labels: pa.Table
    expiries: pa.Table


NO_EXPIRIES = pa.table(
    {
        "identifier_key": pa.array([], pa.string()),
        "expires_at": pa.array([], pa.timestamp("us", "UTC")),
    }
)


def relabel(
    links: pa.Table,
    members: pa.Array,
    before: pa.Table,
    rules: Identity,
    *,
    as_of: datetime,
    always: pa.Table,
    never: pa.Table,
) -> Relabelled:
    """Number the identifiers, let `components` decide, and give the numbers their names back.

    always, never: pairs that the business joined or keeps apart (see `manual.standing`).
    """
    plain = plain_rules(rules)
    keys, numbered = number_table(links, plain, always, never)
    inside = pc.is_in(keys, members).to_numpy(zero_copy_only=False)
    minted, active_since = _minted_before(before, keys)
    found = label(
        numbered, plain, as_of=as_of, inside=inside, minted=minted, active_since=active_since
    )
    called, nodes = called_by(keys), np.flatnonzero(inside)
    labels = rows_of(found, nodes, called, plain.names)
    return Relabelled(labels, expiries_of(found, nodes, called))


def _minted_before(before: pa.Table, keys: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Which identifiers gave a person id, and since when the living ones among these are seen."""
    minted = np.zeros(len(keys), dtype=bool)
    since = np.full(len(keys), NOBODY, dtype=np.int64)
    gave = before.filter(pc.fill_null(before["is_minted"], False))["identifier_key"]
    minted[pc.drop_null(pc.index_in(gave.combine_chunks(), keys)).to_numpy()] = True
    living = before.filter(pc.equal(before["state"], "linked"))
    persons = pa.table(
        {
            "key": pc.utf8_slice_codeunits(living["person_id"], 2),
            "at": living["first_seen_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()),
        }
    )
    earliest = persons.group_by("key").aggregate([("at", "min")])
    place = pc.index_in(earliest["key"].combine_chunks(), keys)
    real = pc.is_valid(place).to_numpy(zero_copy_only=False)
    since[pc.drop_null(place).to_numpy()] = earliest["at_min"].to_numpy()[real]
    return minted, since
