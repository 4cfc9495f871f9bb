"""Told: the tables learn what became of files that came to their end, each once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from tactful.jobs.lake.lake import KEPT, Lake
from tactful.jobs.lake.state import read_json
from tactful.jobs.sending.journal import FOLDER, Journal, Progress
from tactful.jobs.sending.outbox import File, Outbox
from tactful.schemas.records import DELIVERY_ROWS, DELIVERY_STATES
from tactful.schemas.table import Table

# The transaction under which both tables are written, and the file that says which files are in it.
APPLICATION = "tactful/send"
NOTE = f"{FOLDER}/_telling.json"
WAY_OUT = "remove it; the tables may then tell some files' ends twice"


class Tables:
    """The two tables of sending, of one lake on this machine."""

    def __init__(
        self, lake: Lake, journal: Journal, outbox: Outbox, delays: Mapping[str, timedelta | None]
    ) -> None:
        """delays: after what time each destination's calls hold, where that is known."""
        self.lake, self.journal, self.outbox, self.delays = lake, journal, outbox, delays
        self._lock = threading.Lock()
        for table in (DELIVERY_STATES, DELIVERY_ROWS):
            if not (outbox.lake / table.path / "_delta_log").is_dir():
                DeltaTable.create(
                    str(outbox.lake / table.path),
                    schema=_schema(table),
                    name=table.name,
                    description=table.doc,
                    configuration=dict(KEPT),
                )

    def tell(self) -> None:
        """Write down every file that came to its end, and forget its journal.

        Killed in between, the next one writes the same rows under the same transaction: once.
        """
        with self._lock:
            self._finish()
            over = [progress for progress in self.journal.all() if progress.is_over]
            if over:
                names = [[progress.destination, progress.name] for progress in over]
                note = {"version": self._last_version() + 1, "files": names}
                place = f"{self.lake.location}/{NOTE}"
                self.lake.store.write_text(place, json.dumps(note) + "\n")
                self._finish()

    def _finish(self) -> None:
        place = f"{self.lake.location}/{NOTE}"
        note = read_json(self.lake.store, place, way_out=WAY_OUT)
        if note is None:
            return
        named = {tuple(name) for name in note["files"]}
        over = [one for one in self.journal.all() if (one.destination, one.name) in named]
        # Where some journals are gone, both tables were written before the first of them went.
        if len(over) == len(named):
            self._append(DELIVERY_ROWS, self._rows(over), note["version"])
            self._append(DELIVERY_STATES, map(self._state, over), note["version"])
        for progress in over:
            self.journal.forget(progress)
        self.lake.store.remove(place)

    def _append(self, table: Table, rows: Iterable[dict[str, Any]], version: int) -> None:
        """Append under the transaction, unless that was written: `Store` would need a session."""
        brought = pa.Table.from_pylist(list(rows), _schema(table))
        delta = DeltaTable(str(self.outbox.lake / table.path))
        if not brought.num_rows or (delta.transaction_version(APPLICATION) or 0) >= version:
            return
        write_deltalake(
            delta,
            brought,
            mode="append",
            commit_properties=CommitProperties(
                app_transactions=[Transaction(APPLICATION, version)]
            ),
        )

    def _last_version(self) -> int:
        told = (
            DeltaTable(str(self.outbox.lake / table.path)).transaction_version(APPLICATION)
            for table in (DELIVERY_STATES, DELIVERY_ROWS)
        )
        return max((version for version in told if version is not None), default=0)

    def _state(self, progress: Progress) -> dict[str, Any]:
        at = datetime.fromisoformat(progress.ended_at or "")
        delay = self.delays.get(progress.destination)
        refused = min(progress.records, len(progress.refused) + progress.unnamed)
        is_accepted = progress.state == "accepted"
        return {
            "destination": progress.destination,
            "name": progress.name,
            "audience": progress.audience,
            "operation": progress.operation,
            "state": progress.state,
            "accepted_records": progress.records - refused if is_accepted else 0,
            "refused_records": refused if is_accepted else progress.records,
            "call_count": progress.calls,
            "response": progress.response,
            "at": at,
            "effective_by": at + delay if is_accepted and delay is not None else None,
        }

    def _rows(self, over: Iterable[Progress]) -> Iterator[dict[str, Any]]:
        files: dict[str, dict[str, File]] = {}
        for progress in over:
            told = {int(row): ("rejected", why) for row, why in progress.refused.items()}
            told |= {row: ("closed_before", None) for row in progress.closed or ()}
            told |= {row: ("kept_closed", None) for row in progress.kept or ()}
            if not told:
                continue
            name = progress.destination
            if name not in files:
                files[name] = {file.name: file for file in self.outbox.files(name)}
            records = self.outbox.records_of(files[name][progress.name])
            for row, (state, reason) in sorted(told.items()):
                yield {
                    "record_id": records[row]["record_id"],
                    "destination": progress.destination,
                    "name": progress.name,
                    "state": state,
                    "reason": reason,
                    "at": datetime.fromisoformat(progress.ended_at or ""),
                }


# The types that these tables have, in Arrow's words.
ARROW = {"string": pa.string(), "bigint": pa.int64(), "timestamp": pa.timestamp("us", "UTC")}


def _schema(table: Table) -> pa.Schema:
    return pa.schema(
        pa.field(column.name, ARROW[column.type], nullable=column.nullable)
        for column in table.columns
    )
