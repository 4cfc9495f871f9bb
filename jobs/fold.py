"""Fold: what batches appended, rewritten as few files, so that reading does not slow down."""

from __future__ import annotations

from tactful.jobs.lake import Lake
from tactful.jobs.lookups import FOLDS, fold
from tactful.schemas.catalog import APPENDED, LOGS
from tactful.schemas.table import Table

# Looking up in a base and thirty appended files takes half as long again as in the base alone;
# rewriting a log of millions takes as long as thirty look-ups (DESIGN 9).
APPENDS = 40


def fold_logs(lake: Lake, *, after: int = APPENDS) -> list[str]:
    """Rewrite each log and appended table that many batches have added to since the last time.

    Logs in which the newest row of a key stands are folded to one row a key. All others keep
    their rows and only change files, which streams that read them do not notice. Nothing that a
    batch was pinned to goes away: old versions stay until they are vacuumed.

    Only between batches: a fold that met an append would undo it.
    """
    folded = dict((lake.state() or {}).get("folded", {}))
    done = []
    for table in (*LOGS, *APPENDED):
        version = lake.version(table)
        if version - folded.get(table.id, 0) >= after:
            _rewrite(lake, table)
            folded[table.id] = lake.version(table)
            lake.remember(folded=folded)
            done.append(table.id)
    return done


def _rewrite(lake: Lake, table: Table) -> None:
    if table.id in FOLDS:
        rows = table.conform(fold(table, lake.read(table)))
        rows.write.format("delta").mode("overwrite").save(lake.path(table))
    else:
        lake.spark.sql(f"OPTIMIZE delta.`{lake.path(table)}`")
