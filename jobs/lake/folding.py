"""Fold: what batches appended, rewritten as few files, so that reading does not slow down."""

from __future__ import annotations

from typing import Any

from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.lookups import FOLDS, fold
from tactful.schemas.catalog import APPENDED, LOGS
from tactful.schemas.table import Table

# Looking up in a base and thirty appended files takes half as long again as in the base alone;
# rewriting a log of millions takes as long as thirty look-ups (DESIGN 9).
APPENDS = 40
# A log of less is folded whole in no time; a larger one only when it has doubled since.
SMALL_BYTES = 16 * 2**20
# What batches appended is put together up to this size; larger files stay as they are.
FILE_BYTES = 32 * 2**20
TURNS = (*LOGS, *APPENDED)


def fold_logs(lake: Lake, *, after: int = APPENDS) -> list[str]:
    """Rewrite each log and appended table that many batches have added to since the last time.

    Logs in which the newest row of a key stands are folded to one row a key, as soon as half of
    one is rows added since, so that a row is rewritten twice on average, however long the log is.
    Else only small files are put together, which streams that read them do not notice. Nothing
    that a batch was pinned to goes away: old versions stay until they are vacuumed.

    Only between batches: a fold that met an append would undo it.
    """
    return [table.id for table in TURNS if _fold(lake, table, after)]


def fold_in_turn(lake: Lake, batch: int) -> None:
    """Look at one table a batch, so that no batch has to wait for all of them."""
    turn = batch % APPENDS
    if turn < len(TURNS):
        _fold(lake, TURNS[turn], APPENDS)


def _fold(lake: Lake, table: Table, after: int) -> bool:
    """Whether the table was due; then it has been rewritten, and the lake remembers it."""
    folds: dict[str, Any] = dict((lake.state() or {}).get("folds", {}))
    last = folds.get(table.id, {"version": 0, "bytes": None})
    version = lake.store.version(table)
    if version - last["version"] < after:
        return False
    size = lake.store.size(table, version) if table.id in FOLDS else 0
    base = last["bytes"] or size
    if table.id in FOLDS and (size < SMALL_BYTES or size >= 2 * base):
        rows = table.conform(fold(table, lake.store.read(table)))
        lake.overwrite(table, rows)
        base = lake.store.size(table, lake.store.version(table))
    else:
        lake.store.compact(table, up_to=FILE_BYTES)
    folds[table.id] = {"version": lake.store.version(table), "bytes": base}
    lake.remember(folds=folds)
    return True
