"""Shared: hubs as a batch leaves them, and the sets by which a word may be anybody's."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tactful.jobs.identity.columns import combine_chunks, flatten_lists, parent_row

# What is asked of a set: what it holds, and in which batch it was last seen.
IN_DOUBT = ["identifier_keys", "identifier_types", "batch_id"]


def hubs_now(before: pa.Array, now: pa.Table) -> pa.Array:
    """Every identifier that is a hub. before: those that were. now: the labels of a batch."""
    keys = combine_chunks(now["identifier_key"])
    still = before.filter(pc.invert(pc.is_in(before, keys)))
    return pa.concat_arrays([still, keys.filter(combine_chunks(pc.equal(now["state"], "hub")))])


def nobodys_own(hubs: pa.Array, now: pa.Table, restated: pa.Table) -> pa.Array:
    """The identifiers that are nobody's own, or were before: hubs and shared devices."""
    neutral = now.filter(pc.equal(now["state"], "neutral"))["identifier_key"]
    parts = (hubs, combine_chunks(neutral), combine_chunks(restated["identifier_key"]))
    return pc.unique(pa.concat_arrays(parts))


def sets_in_doubt(sets: pa.Table, nobodys: pa.Array, unique_types: Collection[str]) -> pa.Table:
    """The sets of identifiers that hold one of nobody's, or two of a unique type.

    By no other set can a word be about anybody but its own person. sets: rows of `links`.
    nobodys: see `nobodys_own`. Columns: IN_DOUBT.
    """
    row = parent_row(sets["identifier_keys"])
    is_shared = _is_in(flatten_lists(sets["identifier_keys"]), nobodys)
    is_number = _is_in(flatten_lists(sets["identifier_types"]), pa.array([*unique_types]))
    numbers = np.bincount(row[is_number], minlength=len(sets))
    in_doubt = numbers > 1
    in_doubt[row[is_shared]] = True
    return sets.filter(pa.array(in_doubt)).select(IN_DOUBT)


def keys_in_doubt(sets: pa.Table, nobodys: pa.Array, unique_types: Collection[str]) -> pa.Array:
    """What these sets hold that is nobody's own or of a unique type. sets: see `sets_in_doubt`."""
    keys = flatten_lists(sets["identifier_keys"])
    is_number = _is_in(flatten_lists(sets["identifier_types"]), pa.array([*unique_types]))
    return pc.unique(keys.filter(pa.array(_is_in(keys, nobodys) | is_number)))


def beside(now: pa.Table, members: pa.Array) -> pa.Array:
    """The identifiers, no hubs, that a batch bears on though none of its events is linked to them.

    now: the labels of a batch. members: see `members_of`.
    """
    others = now.filter(pc.is_in(now["state"], pa.array(["linked", "neutral"])))
    keys = combine_chunks(others["identifier_key"])
    return keys.filter(pc.invert(pc.is_in(keys, members)))


def _is_in(values: pa.Array, wanted: pa.Array) -> np.ndarray:
    return pc.is_in(values, wanted.cast(pa.string())).to_numpy(zero_copy_only=False)
