"""Fold: what batches appended, rewritten as few files, so that reading does not slow down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.lookups import FOLDS
from tactful.schemas.catalog import APPENDED, LOGS
from tactful.schemas.plans import PLANS
from tactful.schemas.records import DROPPED
from tactful.schemas.suppressions import DUE
from tactful.schemas.table import Table
from tactful.transforms.identity.links import latest

# Looking up in a base and thirty appended files takes half as long again as in the base alone;
# rewriting a log of millions takes as long as thirty look-ups (DESIGN 9).
APPENDS = 40
# A log of less is folded whole in no time; a larger one only when it has doubled since.
SMALL_BYTES = 16 * 2**20
# What batches appended is put together up to this size; larger files stay as they are.
FILE_BYTES = 32 * 2**20
TURNS = (*LOGS, *APPENDED)


def _still_due(rows: DataFrame, decided: datetime | None) -> DataFrame:
    """What a later batch may ask for, each moment of an identifier once.

    A batch looks at what fell due since the one before it, so what is older is done.
    """
    ahead = rows if decided is None else rows.where(F.col("due_at") > F.lit(decided))
    return ahead.groupBy("anchor_key", "due_at").agg(F.max("batch_id").alias("batch_id"))


def _last_dropped(rows: DataFrame, decided: datetime | None) -> DataFrame:
    """Why each destination could not take an identifier when that was last asked."""
    return latest(rows, key=["destination", "identifier_key"])


def _standing_plans(rows: DataFrame, decided: datetime | None) -> DataFrame:
    """What stands of every plan."""
    return latest(rows, key=["decision_id"])


# What is left of a log beside those that are looked up by key: its rows, and until when all has
# been decided, give those that are kept.
REWRITTEN: dict[str, Callable[[DataFrame, datetime | None], DataFrame]] = {
    **{name: lambda rows, _, fold=fold: fold(rows) for name, fold in FOLDS.items()},
    DUE.id: _still_due,
    DROPPED.id: _last_dropped,
    PLANS.id: _standing_plans,
}


def fold_logs(lake: Lake, *, decided: datetime | None = None, after: int = APPENDS) -> list[str]:
    """Rewrite each log and appended table that many batches have added to since the last time.

    Logs in which the newest row of a key stands are folded to one row a key, as soon as half of
    one is rows added since, so that a row is rewritten twice on average, however long the log is.
    Of what is due, only what is still ahead stays. Else only small files are put together, which
    streams that read them do not notice. Nothing that a batch was pinned to goes away: old versions
    stay until they are vacuumed.

    Only between batches: a fold that met an append would undo it.

    decided: the clock of the main query's last batch; what fell due until then goes.
    """
    return [table.id for table in TURNS if _fold(lake, table, after, decided)]


def fold_in_turn(lake: Lake, batch: int, *, decided: datetime | None = None) -> None:
    """Look at one table a batch, so that no batch has to wait for all of them."""
    turn = batch % APPENDS
    if turn < len(TURNS):
        _fold(lake, TURNS[turn], APPENDS, decided)


def _fold(lake: Lake, table: Table, after: int, decided: datetime | None) -> bool:
    """Whether the table was due; then it has been rewritten, and the lake remembers it."""
    folds: dict[str, Any] = dict((lake.state() or {}).get("folds", {}))
    last = folds.get(table.id, {"version": 0, "bytes": None})
    version = lake.store.version(table)
    if version - last["version"] < after:
        return False
    left_of = REWRITTEN.get(table.id)
    size = lake.store.size(table, version) if left_of else 0
    base = last["bytes"] or size
    if left_of and (size < SMALL_BYTES or size >= 2 * base):
        lake.overwrite(table, table.conform(left_of(lake.store.read(table), decided)))
        base = lake.store.size(table, lake.store.version(table))
    else:
        lake.store.compact(table, up_to=FILE_BYTES)
    folds[table.id] = {"version": lake.store.version(table), "bytes": base}
    lake.remember(folds=folds)
    return True
