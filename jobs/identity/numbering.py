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

from tactful.jobs.identity.columns import combine_chunks, flatten_lists, micros
from tactful.jobs.identity.hex_keys import Halves, HexKeys, numbered_keys
from tactful.jobs.identity.relabel import Numbered, blocked_in, blocked_once, kinds_of
from tactful.jobs.settings.config import Identity
from tactful.transforms.identity.components import Bools, Ints, Links

PIECE_ROWS = 500_000
SETS = [
    "identifier_keys", "identifier_types", "blocked_keys", "blocked_types",
    "first_seen.occurred_at", "last_seen.occurred_at",
]  # fmt: skip
NAMES = ["first_seen.stream", "first_seen.event_id"]


@dataclass(frozen=True)
class Everything:
    """Every identifier that links, under its number, and the blocked ones (see `blocked_in`)."""

    keys: HexKeys
    numbered: Numbered
    blocked: pa.Table


def pieces(
    files: Sequence[str], columns: list[str], *, rows: int = PIECE_ROWS
) -> Iterator[pa.Table]:
    """The rows of these files in their order, so many at a time."""
    for path in files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(rows, columns=columns):
                yield pa.Table.from_batches([batch])


def number(files: Sequence[str], rules: Identity) -> Everything:
    """Number all identifiers in these files of the log of links, in the order of their keys."""
    names, kinds = kinds_of(rules)
    halves, types, sizes, first, last, blocked = [], [], [], [], [], []
    for piece in pieces(files, SETS):
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
    first_at = _joined(first)
    links = Links(link, node, _by_time(first_at), first_at)
    _rank_ties(links, kinds.is_device[kind], files)
    seen = blocked_once(pa.concat_tables(blocked)) if blocked else _none_blocked()
    # What reading took is given back now; to decide takes as much again.
    pa.default_memory_pool().release_unused()
    return Everything(keys, Numbered(links, kind, _joined(last)), seen)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """All parts one after another; each is let go, since only the whole is asked for."""
    whole = np.concatenate(parts or [np.zeros(0, dtype=np.int64)])
    parts.clear()
    return whole


def _by_time(moments: Ints) -> Ints:
    rank = np.empty(len(moments), dtype=np.int64)
    rank[np.argsort(moments, kind="stable")] = np.arange(len(moments))
    return rank


def _rank_ties(links: Links, is_device: Bools, files: Sequence[str]) -> None:
    """Let the names of events decide between sets of one moment, where anybody asks.

    Only a shared device asks which of its sets came first, and few of its sets are of one moment:
    the names of all events would be most of what there is to read.
    """
    tied = _tied(links, is_device)
    if not len(tied):
        return
    named = pa.concat_tables(_rows_at(files, NAMES, tied))["first_seen"]
    events = pa.table(
        {
            "at": links.first_at[tied],
            "stream": pc.struct_field(named, "stream"),
            "event_id": pc.struct_field(named, "event_id"),
        }
    )
    keys = [(name, "ascending") for name in events.column_names]
    order = pc.sort_indices(events, sort_keys=keys).to_numpy()
    # Whatever places these sets have among all, they share them out anew.
    links.rank[tied[order]] = np.sort(links.rank[tied])


def _tied(links: Links, is_device: Bools) -> Ints:
    """The sets that share a device and a moment with another."""
    moments = np.sort(links.first_at)
    often = np.unique(moments[1:][moments[1:] == moments[:-1]])
    if not len(often):
        return often
    place = np.minimum(np.searchsorted(often, links.first_at), len(often) - 1)
    asked = (often[place] == links.first_at)[links.link] & is_device[links.node]
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
    for piece in pieces(files, columns):
        inside = places[
            np.searchsorted(places, begin) : np.searchsorted(places, begin + len(piece))
        ]
        yield piece.take(pa.array(inside - begin))
        begin += len(piece)


def _none_blocked() -> pa.Table:
    lists, event = pa.list_(pa.string()), pa.struct([("occurred_at", pa.timestamp("us", "UTC"))])
    none = {"blocked_keys": lists, "blocked_types": lists, "first_seen": event, "last_seen": event}
    return blocked_in(pa.schema(none).empty_table())
