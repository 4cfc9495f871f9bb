"""What of the outbox is still to be sent: files that a batch committed, in the order of telling."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deltalake import QueryBuilder

from tactful.jobs.commands.tables_here import opened, readable
from tactful.jobs.errors import LakeDamaged, LakeError
from tactful.jobs.lake.files import files_here
from tactful.jobs.settings.config import Config
from tactful.schemas.records import DELIVERIES, DELIVERY_ROWS, DELIVERY_STATES, RECORDS
from tactful.schemas.table import Table

# query-batch-order and number-operation, as `deliver` names files.
NAME = re.compile(r"^[a-z]+-(\d+)-(\d)(\d+)-")
TOLD = ("destination", "name", "audience", "operation", "records", "batch_id", "text_sha256")
ENDS = ("accepted", "rejected")
# So many records are held at once of a batch, or those of one file where it has more.
STRETCH = 50_000


@dataclass(frozen=True)
class File:
    """One committed file of the outbox.

    first: the place of its first record among those of its batch, audience and operation.
    """

    destination: str
    name: str
    audience: str
    operation: str
    records: int
    batch_id: int
    first: int = 0
    text_sha256: str | None = None

    @property
    def order(self) -> tuple[int, ...]:
        """Batch by batch, what closes or leaves before what opens or comes, then by number."""
        found = NAME.match(self.name)
        return tuple(map(int, found.groups())) if found else (self.batch_id, 0, 0)


def lake_of_outbox(config: Config) -> Path:
    """The folder of the lake whose outbox is sent. Raises: LakeError, where that cannot be."""
    here = files_here(config.location)
    if config.lake.tables_in:
        raise LakeError(
            "Sending reads and writes tables in the lake's own folder, and those of this lake are "
            f"kept by name in {config.lake.tables_in}; leave deliver as it is, and let a job of "
            "yours upload the outbox."
        )
    if here is None:
        raise LakeError(
            f"Sending reads the outbox from a disk of this machine, and {config.location} lies "
            "elsewhere; leave deliver as it is, and let a job of yours upload the outbox."
        )
    return Path(here.location)


class Outbox:
    """The outbox of a lake on this machine, read without a session."""

    def __init__(self, lake: Path) -> None:
        self.lake = lake
        self._stretch: tuple[tuple[Any, ...], int, list[dict[str, Any]]] | None = None

    def pending(
        self,
        destinations: Iterable[str],
        *,
        again: bool = False,
        begun: Collection[tuple[str, str]] = (),
    ) -> dict[str, list[File]]:
        """The files that came to no end yet, by destination and in order.

        again: those that were given up or rejected count as still to be sent. begun: files that
        are on their way once more, and are to come to an end.
        """
        over = {
            (row["destination"], row["name"])
            for row in self.states()
            if not again or row["state"] == "accepted"
        } - {*begun}
        found: dict[str, list[File]] = defaultdict(list)
        for file in (file for name in sorted(set(destinations)) for file in self.files(name)):
            if (file.destination, file.name) not in over:
                found[file.destination].append(file)
        return dict(found)

    def text(self, file: File) -> str:
        """What a file holds. Raises: LakeDamaged."""
        place = self.lake / "outbox" / file.destination / file.name
        try:
            held = place.read_bytes()
        except OSError as error:
            raise LakeDamaged(
                f"{place} cannot be read ({(error.strerror or '').lower()}); put it back from a "
                "copy, or have the destination told anew under another name."
            ) from error
        if file.text_sha256 and hashlib.sha256(held).hexdigest() != file.text_sha256:
            raise LakeDamaged(f"{place} is not as it was written; put it back from a copy.")
        return held.decode("utf-8", "replace")

    def records_of(self, file: File) -> list[dict[str, Any]]:
        """Its records in its own order: record_id, identifier_keys and payload of each."""
        of = (file.destination, file.batch_id, file.audience, file.operation)
        until = file.first + file.records
        if (
            self._stretch is None
            or self._stretch[0] != of
            or not (
                self._stretch[1] <= file.first and until <= self._stretch[1] + len(self._stretch[2])
            )
        ):
            self._stretch = (of, file.first, self._records(file))
        _, begins, rows = self._stretch
        part = rows[file.first - begins : until - begins]
        if len(part) != file.records:
            raise LakeDamaged(
                f"Table records of the lake at {self.lake} holds {len(part)} of the {file.records} "
                f"records in {file.name} of {file.destination}; put it back from a copy."
            )
        return part

    def closed_by_us(self, destination: str) -> set[str]:
        """The keys of those whom our newest suppression there did not find closed already."""
        of = f"destination = '{destination}'"
        newest: dict[str, tuple[int, str]] = {}
        sql = f"SELECT record_id, identifier_keys, batch_id FROM records WHERE {of} "
        for row in self._ask(RECORDS, f"{sql} AND operation = 'suppress'"):
            for key in row["identifier_keys"]:
                newest[key] = max(newest.get(key, (-1, "")), (row["batch_id"], row["record_id"]))
        found = f"SELECT record_id FROM delivery_rows WHERE {of} AND state = 'closed_before'"
        closed = {row["record_id"] for row in self._ask(DELIVERY_ROWS, found)}
        return {key for key, (_, record_id) in newest.items() if record_id not in closed}

    def states(self) -> list[dict[str, Any]]:
        """The newest row of every file that came to an end."""
        newest: dict[tuple[str, str], dict[str, Any]] = {}
        for row in self._ask(DELIVERY_STATES, "SELECT * FROM delivery_states ORDER BY at"):
            newest[row["destination"], row["name"]] = row
        return list(newest.values())

    def files(self, destination: str) -> list[File]:
        """All committed files of a destination, in order."""
        sql = f"SELECT * FROM deliveries WHERE destination = '{destination}'"
        # Lakes that an older version wrote last lack the newest of these.
        told = [{name: row.get(name) for name in TOLD} for row in self._ask(DELIVERIES, sql)]
        files = [File(**row) for row in told]
        next_first: dict[tuple[str, str, int], int] = defaultdict(int)
        placed: list[File] = []
        for file in sorted(files, key=lambda file: (file.order, file.name)):
            of = (file.audience, file.operation, file.batch_id)
            placed.append(replace(file, first=next_first[of]))
            next_first[of] += file.records
        return placed

    def _records(self, file: File) -> list[dict[str, Any]]:
        """The records of a file and of those behind it, which are asked for next."""
        sql = (
            "SELECT record_id, identifier_keys, payload FROM records "
            f"WHERE destination = '{file.destination}' AND batch_id = {file.batch_id} "
            f"AND audience = '{file.audience}' AND operation = '{file.operation}' "
            f"ORDER BY position LIMIT {max(STRETCH, file.records)} OFFSET {file.first}"
        )
        return self._ask(RECORDS, sql)

    def _ask(self, table: Table, sql: str) -> list[dict[str, Any]]:
        delta = opened(self.lake, table.path)
        if delta is None:
            return []
        with readable(self.lake, table.path):
            found = QueryBuilder().register(table.name, delta).execute(sql).read_all()
            names: Sequence[str] = found.schema.names
            columns = [found.column(name).to_pylist() for name in names]
            return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
