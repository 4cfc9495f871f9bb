"""Numbering: all that was ever seen together, read from files piece by piece, as bare numbers.

Ten million identifiers as text, with all that goes with them, would fill the memory that deciding
who they are needs; as numbers they take a tenth of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tactful.jobs.identity import manual
from tactful.jobs.identity.columns import combine_chunks, flatten_lists, micros
from tactful.jobs.identity.hex_keys import Halves, HexKeys, numbered_keys
from tactful.jobs.identity.labelling import Numbered, kinds_of, pairs_of
from tactful.jobs.identity.relabel import blocked_in, blocked_once
from tactful.jobs.settings.config import Identity
from tactful.schemas.events import ORDER
from tactful.transforms.identity.arrays import Bools, Ints
from tactful.transforms.identity.components import ByHand, Links
from tactful.transforms.identity.sharing import SHARINGS
from tactful.transforms.identity.sharing.graph import FOREVER

PIECE_ROWS = 500_000
SETS = [
    "identifier_keys", "identifier_types", "blocked_keys", "blocked_types",
    "first_seen.occurred_at", "last_seen.occurred_at", "kind",
]  # fmt: skip
EVENTS = ("first_seen", "last_seen")
NAMES = ["kind", *(f"{event}.{name}" for event in EVENTS for name in ORDER[1:])]


@dataclass(frozen=True)
class Everything:
    """Every identifier that links, under its number, and the blocked ones (see `blocked_in`)."""

    keys: HexKeys
    numbered: Numbered
    blocked: pa.Table


def pieces(
    files: Sequence[str], columns: list[str], *, rows: int = PIECE_ROWS
) -> Iterator[pa.Table]:
    """The rows of these files in their order, so many at a time; files of before lack `kind`."""
    for path in files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(rows, columns=columns):
                piece = pa.Table.from_batches([batch])
                if "kind" in columns and "kind" not in piece.column_names:
                    piece = piece.append_column("kind", pa.nulls(len(piece), pa.string()))
                yield piece


def number(files: Sequence[str], words: pa.Table, rules: Identity) -> Everything:
    """Number all identifiers in these files of the log of links, in the order of their keys.

    words: what the business said of two identifiers, as rows of the same log.
    """
    names, kinds = kinds_of(rules)
    halves, types, sizes, first, last, blocked = [], [], [], [], [], []
    for piece in map(manual.seen, pieces(files, SETS)):
        halves.append(Halves.of(flatten_lists(piece["identifier_keys"])))
        kind = pc.index_in(flatten_lists(piece["identifier_types"]), pa.array(names))
        types.append(kind.to_numpy().astype(np.int16))
        sizes.append(pc.list_value_length(combine_chunks(piece["identifier_keys"])).to_numpy())
        first.append(micros(piece, "first_seen"))
        last.append(micros(piece, "last_seen"))
        if len(flatten_lists(piece["blocked_keys"])):
            blocked.append(blocked_in(piece))
    together = Halves.joined(halves)
    halves.clear()
    keys, node = numbered_keys(together)
    del together
    kind = np.zeros(len(keys), dtype=np.int64)
    kind[node] = _joined(types)
    link = np.repeat(np.arange(sum(map(len, sizes))), _joined(sizes))
    may_be_neutral = (kinds.is_device | (kinds.window < FOREVER))[kind]
    links = _ranked(link, node, _joined(first), _joined(last), may_be_neutral, files, rules)
    seen = blocked_once(pa.concat_tables(blocked)) if blocked else _none_blocked()
    # What reading took is given back now; to decide takes as much again.
    pa.default_memory_pool().release_unused()
    return Everything(keys, Numbered(links, kind, _by_hand(words, keys)), seen)


def _by_hand(words: pa.Table, keys: HexKeys) -> ByHand:
    """The pairs that somebody joined or keeps apart, by number."""
    _, always, never = manual.standing(words)

    def place(column: pa.ChunkedArray) -> pa.Array:
        return pa.array(keys.numbers_of(Halves.of(combine_chunks(column))))

    return ByHand(pairs_of(always, place), pairs_of(never, place))


def _ranked(
    link: Ints,
    node: Ints,
    first_at: Ints,
    last_at: Ints,
    may_be_neutral: Bools,
    files: Sequence[str],
    rules: Identity,
) -> Links:
    """The links with the places of their first and last events among all, as far as asked for."""
    sharing = SHARINGS[rules.shared_devices]
    last_rank = _by_time(last_at) if sharing.reads_last else np.zeros_like(last_at)
    links = Links(link, node, _by_time(first_at), first_at, last_rank, last_at)
    tied = _tied_at(first_at) if sharing.reads_first else _tied(links, may_be_neutral)
    _rank_ties(links.first_rank, tied, first_at, files, "first_seen")
    if sharing.reads_last:
        _rank_ties(links.last_rank, _tied_at(last_at), last_at, files, "last_seen")
    return links


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """All parts one after another; each is let go, since only the whole is asked for."""
    whole = np.concatenate(parts or [np.zeros(0, dtype=np.int64)])
    parts.clear()
    return whole


def _by_time(moments: Ints) -> Ints:
    rank = np.empty(len(moments), dtype=np.int64)
    rank[np.argsort(moments, kind="stable")] = np.arange(len(moments))
    return rank


def _rank_ties(rank: Ints, tied: Ints, moments: Ints, files: Sequence[str], event: str) -> None:
    """Let the names of events decide between sets of one moment, where anybody asks.

    Mostly only a shared device asks which of its sets came first, and few of its sets are of one
    moment: the names of all events would be most of what there is to read.
    """
    if not len(tied):
        return
    named = pa.concat_tables(_rows_at(files, NAMES, tied))[event]
    events = pa.table(
        {
            "at": moments[tied],
            "stream": pc.struct_field(named, "stream"),
            "event_id": pc.struct_field(named, "event_id"),
        }
    )
    keys = [(name, "ascending") for name in events.column_names]
    order = pc.sort_indices(events, sort_keys=keys).to_numpy()
    # Whatever places these sets have among all, they share them out anew.
    rank[tied[order]] = np.sort(rank[tied])


def _often(moments: Ints) -> Ints:
    """The moments that are several sets'."""
    order = np.sort(moments)
    return np.unique(order[1:][order[1:] == order[:-1]])


def _tied_at(moments: Ints) -> Ints:
    """The sets that share a moment with another."""
    return np.flatnonzero(np.isin(moments, _often(moments)))


def _tied(links: Links, may_be_neutral: Bools) -> Ints:
    """The sets that share a device, or what may be as one, and a moment with another."""
    often = _often(links.first_at)
    if not len(often):
        return often
    place = np.minimum(np.searchsorted(often, links.first_at), len(often) - 1)
    asked = (often[place] == links.first_at)[links.link] & may_be_neutral[links.node]
    link, node = links.link[asked], links.node[asked]
    at = links.first_at[link]
    order = np.lexsort((at, node))
    same = (node[order][1:] == node[order][:-1]) & (at[order][1:] == at[order][:-1])
    held = np.zeros(len(order), dtype=bool)
    held[1:] |= same
    held[:-1] |= same
    return np.unique(link[order][held])


def _rows_at(files: Sequence[str], columns: list[str], places: Ints) -> Iterator[pa.Table]:
    """The rows at these places, which are in order."""
    begin = 0
    for piece in map(manual.seen, pieces(files, columns)):
        inside = places[
            np.searchsorted(places, begin) : np.searchsorted(places, begin + len(piece))
        ]
        yield piece.take(pa.array(inside - begin))
        begin += len(piece)


def _none_blocked() -> pa.Table:
    lists, event = pa.list_(pa.string()), pa.struct([("occurred_at", pa.timestamp("us", "UTC"))])
    none = {"blocked_keys": lists, "blocked_types": lists, "first_seen": event, "last_seen": event}
    return blocked_in(pa.schema(none).empty_table())
