"""Columns: what the steps on the driver ask of Arrow, over and over."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tactful.schemas.events import ORDER


def combine_chunks(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The column in one piece."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def only_column(rows: pa.Table) -> pa.Array:
    """The one column of a table, in one piece."""
    return combine_chunks(rows.column(0))


def flatten_lists(lists: pa.ChunkedArray) -> pa.Array:
    """What all the lists hold, one after another."""
    return combine_chunks(lists).flatten()


def parent_row(lists: pa.ChunkedArray) -> np.ndarray:
    """For each of these values the row whose list holds it."""
    held = combine_chunks(lists)
    return np.repeat(np.arange(len(held)), pc.list_value_length(held).to_numpy())


def instants(links: pa.Table, event_ref: str) -> pa.Array:
    """When each set was first or last seen."""
    return pc.struct_field(combine_chunks(links[event_ref]), "occurred_at").cast(
        pa.timestamp("us", "UTC")
    )


def micros(links: pa.Table, event_ref: str) -> np.ndarray:
    """The same in microseconds."""
    return instants(links, event_ref).cast(pa.int64()).to_numpy()


def event_rank(links: pa.Table, event_ref: str) -> np.ndarray:
    """The place of each set's first or last event among all of them, by (time, stream, id)."""
    seen = combine_chunks(links[event_ref])
    events = pa.table({name: pc.struct_field(seen, name) for name in ORDER})
    order = pc.sort_indices(events, sort_keys=[(name, "ascending") for name in ORDER])
    rank = np.empty(len(links), dtype=np.int64)
    rank[order.to_numpy()] = np.arange(len(links))
    return rank
