"""Appended: how many rows a table got since a version, from what its log says of its files."""

from __future__ import annotations

import json

from tactful.jobs.lake.store import Store
from tactful.schemas.table import Table


def appended_rows(store: Store, table: Table, *, since: int) -> int:
    """See `Store.appended_rows`; a version whose commit is no longer in the log counts as empty."""
    log = f"{store.path(table)}/_delta_log"
    named = [name for name in store.names(log) if name.endswith(".json") and name[:20].isdigit()]
    commits = (store.read_text(f"{log}/{name}") for name in named if int(name[:20]) >= since)
    return sum(_rows(line) for text in commits if text for line in text.splitlines())


def _rows(action: str) -> int:
    added = json.loads(action).get("add") if '"add"' in action else None
    if not added or not added.get("dataChange", True):
        return 0
    return int(json.loads(added.get("stats") or "{}").get("numRecords", 0))
