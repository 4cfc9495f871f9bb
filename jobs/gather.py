"""Gather: what a long backlog says of who is who, linked and labelled once before its batches.

In batches, persons would grow together step by step, each step dearer than the last, as more and
more of them are touched. All at once each identifier is looked at once. The batches that follow
find their sets known, and look up who is who.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from functools import reduce
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from tactful.jobs.identity.changes import MOVES, changes_of
from tactful.jobs.identity.columns import combine_chunks, flatten_lists, parent_row
from tactful.jobs.identity.known import COLUMNS, Known
from tactful.jobs.identity.labelling import (
    Labelled,
    expiries_of,
    kinds_of,
    label,
    plain_rules,
    rows_of,
)
from tactful.jobs.identity.numbering import NAMES, SETS, Everything, number, pieces
from tactful.jobs.identity.relabel import labels_of_blocked
from tactful.jobs.identity.shards import are_more, label_in_shards
from tactful.jobs.lake import spills
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.scratch import scratch_files
from tactful.jobs.runs.backlog import before_all, is_long
from tactful.jobs.runs.batches import (
    FUSED,
    GATHER,
    Batch,
    Hook,
    last_done,
    pin,
    save_done,
    save_pins,
    unfinished,
)
from tactful.jobs.settings.config import Config, Identity
from tactful.schemas.events import STREAMS
from tactful.schemas.identity import IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.intake import BATCHES
from tactful.schemas.suppressions import DUE
from tactful.schemas.table import Table
from tactful.transforms.identity.arrays import NOBODY
from tactful.transforms.identity.links import SETS as LINK_COLUMNS
from tactful.transforms.identity.links import is_seen, merge_links, news_of, seen_together
from tactful.transforms.identity.shards import blocked_of, changes
from tactful.transforms.plans.copies import is_of_copy

LOOKED_UP = (LINKS, LABELS, *STREAMS.values())
LABELS_A_PIECE = 500_000
NO_MOVES = pa.table({name: pa.array([], pa.string()) for name in MOVES})
LAST_SEEN = ["identifier_keys", "last_seen", "kind"]


def gather_if_long(lake: Lake, config: Config, generation: str, hook: Hook | None) -> None:
    """Link and label all accepted events at once, where many of them are still to be read.

    Not while a batch is half done: what it looks up is what was there when it was begun. What was
    begun here and not finished is finished first. hook: called behind every commit, for tests that
    end the process there.
    """
    if unfinished(lake, GATHER) is None and (unfinished(lake, FUSED) or not is_long(lake)):
        return
    gather(lake, config, generation, hook)


def gather(lake: Lake, config: Config, generation: str, hook: Hook | None = None) -> Batch:
    """Link and label all accepted events at once. Returns the batch that did it."""
    batch, most_on_driver = _begin(lake, config, generation, hook)
    try:
        batch.timed("gather", lambda: batch.commit_large(LINKS, _news(batch)))
        if are_more(lake.store.read(LINKS), most_on_driver):
            _label_in_shards(batch, config.identity)
        else:
            with tempfile.TemporaryDirectory(dir=spills.folder()) as folder:
                _label(batch, config.identity, folder)
        batch.commit_pieces(BATCHES, [_counted(batch)], k=5)
        save_done(lake, GATHER, batch.batch_id)
    finally:
        batch.release()
    return batch


def _begin(lake: Lake, config: Config, generation: str, hook: Hook | None) -> tuple[Batch, int]:
    """Fix what is gathered and up to when, once; a repeat finds both.

    And how many identifiers the driver takes upon itself: what a store writes in pieces has other
    transactions than what it writes at once, so a repeat has to go the way that was begun.

    It takes a number among the main query's batches: those that follow count on from there, so
    that what they say of an identifier stands over what is said here.
    """
    pins, is_repeated = pin(lake, GATHER, last_done(lake, GATHER) + 1, LOOKED_UP, config.hash)
    if not is_repeated:
        before = lake.batches_before(FUSED)
        number = before + last_done(lake, FUSED) + 1
        as_of = lake.last_as_of()
        pins |= {
            "as_of": as_of.isoformat(),
            "number": number,
            "batches_before": before + 1,
            "since": asdict(before_all(lake, number, pins["tables"])),
            "driver_identifiers": config.lake.driver_identifiers,
        }
        save_pins(lake, GATHER, pins)
    state: dict[str, Any] = lake.state() or {}
    counted = {**state.get("batches_before", {}), FUSED: pins["batches_before"]}
    lake.remember(batches_before=counted)
    batch = Batch(
        lake,
        GATHER,
        generation,
        pins["batch_id"],
        pins["tables"],
        as_of=datetime.fromisoformat(pins["as_of"]),
        hook=hook,
        before=pins["number"] - pins["batch_id"],
    )
    return batch, pins.get("driver_identifiers", config.lake.driver_identifiers)


def _news(batch: Batch) -> DataFrame:
    """The sets that were seen together by now, those that the log knows left out."""
    columns = [F.col(name) for name in ("occurred_at", "event_id", "type", *LINK_COLUMNS)]
    is_theirs = F.col("occurred_at") <= F.lit(batch.as_of)
    streams = [
        batch.read(table)
        .where(is_theirs & ~is_of_copy() if name == "messages" else is_theirs)
        .select(F.lit(name).alias("stream"), *columns)
        for name, table in STREAMS.items()
    ]
    seen = seen_together(reduce(DataFrame.unionByName, streams))
    if not batch.read(LINKS).isEmpty():
        seen = news_of(seen, batch.read(LINKS))
    return seen.withColumn("batch_id", F.lit(batch.number))


def _label(batch: Batch, rules: Identity, folder: str) -> None:
    """Say anew who is who by the whole log of links, and write what is another answer now."""
    store = batch.lake.store
    # What was just written is the newest version; nobody else writes between batches.
    links = store.files_of(LINKS, store.version(LINKS), [*SETS, *NAMES], _below(folder, "links"))
    everything = batch.timed("number", lambda: number(links, _words(batch), rules))
    before = store.files_of(LABELS, batch.pins[LABELS.id], COLUMNS, _below(folder, "labels"))
    found, changed, moved = batch.timed(
        "decide", lambda: _decided(batch, everything, before, rules)
    )
    # Looked up before: nobody can read a table from inside of what writes one.
    blocked = _blocked(batch, everything.blocked)
    rows = chain(_rows(batch, everything, found, changed, rules), blocked)
    batch.timed("write", lambda: batch.commit_pieces(LABELS, rows, k=2))
    if rules.has_windows:
        batch.commit_pieces(DUE, _due(batch, everything, found), k=3)
    if moved.num_rows:
        holding = _holding(links, combine_chunks(moved["identifier_key"]))
        changes = changes_of(moved, holding, as_of=batch.as_of)
        batch.commit_pieces(IDENTITY_CHANGES, [batch.numbered(changes)], k=4)


def _label_in_shards(batch: Batch, rules: Identity) -> None:
    """The same, where that is more than one process holds: on the executors."""
    store, number = batch.lake.store, F.lit(batch.number).alias("batch_id")
    links, before = store.read(LINKS), batch.read(LABELS)
    with scratch_files(batch.lake) as keep:
        found = batch.timed(
            "decide",
            lambda: label_in_shards(
                links, before, plain_rules(rules), as_of=batch.as_of, keep=keep
            ),
        )
        labels = found.where("is_changed").select(*LABELS.names[:-1], number)
        for seen in _blocked(batch, blocked_of(links).toArrow()):
            labels = labels.unionByName(LABELS.conform(batch.logs.frame(seen)))
        batch.timed("write", lambda: _commit_any(batch, LABELS, labels, k=2))
        due = found.where("expires_at IS NOT NULL").select(
            F.col("identifier_key").alias("anchor_key"), F.col("expires_at").alias("due_at"), number
        )
        _commit_any(batch, DUE, due, k=3)
        moved = keep(
            found.where("is_moved").select(
                "identifier_key", "from_person_id", F.col("person_id").alias("to_person_id")
            )
        )
        at = F.lit(batch.as_of).alias("changed_at")
        _commit_any(batch, IDENTITY_CHANGES, changes(moved, links).select(at, "*", number), k=4)


def _commit_any(batch: Batch, table: Table, rows: DataFrame, *, k: int) -> None:
    """Append rows that lie aside, where there are any."""
    if not rows.isEmpty():
        batch.commit_large(table, rows, k=k)


def _words(batch: Batch) -> pa.Table:
    """All that the business said of two identifiers, as links. It is little."""
    said = batch.lake.store.read(LINKS).where(~is_seen())
    return LINKS.conform(merge_links(said)).toArrow()


def _due(batch: Batch, everything: Everything, found: Labelled) -> Iterator[pa.Table]:
    """When links end that are not seen again, some at a time."""
    for nodes in _some(np.arange(len(everything.keys))):
        ends = expiries_of(found, nodes, everything.keys.called)
        yield batch.numbered(ends.rename_columns(["anchor_key", "due_at"]))


def _decided(
    batch: Batch, everything: Everything, before: list[str], rules: Identity
) -> tuple[Labelled, np.ndarray, pa.Table]:
    """Who is who, which identifiers have another label than before, and whose person is another.

    before: files of the log of labels.
    """
    known = Known(everything.keys, pieces(before, COLUMNS)) if before else None
    found = label_all(everything, known, rules, as_of=batch.as_of)
    if known is None:
        return found, np.arange(len(everything.keys)), NO_MOVES
    return found, known.differing(found), known.moves(found)


def label_all(
    everything: Everything, known: Known | None, rules: Identity, *, as_of: datetime
) -> Labelled:
    """Who is who, with the names that persons were given before; known: None where none were."""
    count = len(everything.keys)
    return label(
        everything.numbered,
        plain_rules(rules),
        as_of=as_of,
        inside=np.ones(count, dtype=bool),
        minted=known.minted if known else np.zeros(count, dtype=bool),
        active_since=known.active_since if known else np.full(count, NOBODY),
    )


def _rows(
    batch: Batch, everything: Everything, found: Labelled, changed: np.ndarray, rules: Identity
) -> Iterator[pa.Table]:
    """The labels that say something else now, some at a time."""
    names, _ = kinds_of(rules)
    for nodes in _some(changed):
        yield batch.numbered(rows_of(found, nodes, everything.keys.called, names))


def _some(nodes: np.ndarray) -> Iterator[np.ndarray]:
    return (nodes[at : at + LABELS_A_PIECE] for at in range(0, len(nodes), LABELS_A_PIECE))


def _blocked(batch: Batch, seen: pa.Table) -> list[pa.Table]:
    """The labels of blocked identifiers, where there are any. seen: see `blocked_in`."""
    if not seen.num_rows:
        return []
    keys = combine_chunks(seen["identifier_key"])
    before = batch.logs.touched_labels(keys).drop_columns("batch_id")
    return [batch.numbered(labels_of_blocked(seen, before))]


def _counted(batch: Batch) -> pa.Table:
    """The step's row in `batches`."""
    row = {
        "query": batch.query,
        "generation": batch.generation,
        "batch_id": batch.batch_id,
        "as_of": batch.as_of,
        "seconds": list(batch.seconds.items()),
    }
    schema = to_arrow_schema(BATCHES.struct())
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names}], schema)


def _holding(files: list[str], keys: pa.Array) -> pa.Table:
    """The sets that hold one of these identifiers. Columns: LAST_SEEN."""
    held = []
    for piece in pieces(files, LAST_SEEN):
        theirs = pc.is_in(flatten_lists(piece["identifier_keys"]), keys)
        rows = pc.unique(pa.array(parent_row(piece["identifier_keys"])).filter(theirs))
        held.append(piece.take(rows))
    return pa.concat_tables(held)


def _below(folder: str, name: str) -> str:
    return tempfile.mkdtemp(prefix=f"{name}-", dir=folder)
