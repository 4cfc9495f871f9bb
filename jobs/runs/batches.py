"""Batches that can be repeated: pins, commits under transaction ids, and triggers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from time import monotonic
from typing import Any

import pyarrow as pa
from pyspark import inheritable_thread_target
from pyspark.sql import DataFrame
from pyspark.sql.streaming import DataStreamWriter

from tactful.jobs.errors import CheckpointMismatch, ConfigurationChanged
from tactful.jobs.lake.frames import materialise, materialise_small, unpersist
from tactful.jobs.lake.lake import REBUILD, Lake
from tactful.jobs.lake.state import read_json
from tactful.jobs.lake.store import Logs, Part
from tactful.schemas.table import Table

# The queries that every run has, beside one for each source.
ACCEPT, FUSED = "accept", "fused"
# What the main query does before its first batch of a long backlog; it lies with its checkpoint.
GATHER = f"{FUSED}/gather"
# Six small Delta commits take 2.6 s in six threads and 4.2 s one after another (DESIGN 9).
COMMIT_THREADS = 6
# So many rows fit into this process, whatever table they are for.
FEW_ROWS = 100_000
# What comes of a batch of so many rows stays in one piece: joins and unions of many pieces of next
# to nothing would be hundreds of tasks, each of which costs more than all the rows.
ONE_PIECE_ROWS = 2_000
# As many batches of a checkpoint as Spark keeps; only the newest two are ever asked for.
KEPT_PINS = 100

Hook = Callable[[str, int, str], None]
# What a batch writes to a table: rows that Spark holds, or that this process does.
Output = DataFrame | pa.Table


@dataclass(frozen=True)
class Pace:
    """How often a query looks for work: until it has caught up, or for ever."""

    every: timedelta | None = None

    def of(self, writer: DataStreamWriter) -> DataStreamWriter:
        """The writer with this pace as its trigger."""
        if self.every is None:
            return writer.trigger(availableNow=True)
        return writer.trigger(
            processingTime=f"{int(self.every.total_seconds() * 1000)} milliseconds"
        )


@dataclass(frozen=True)
class Gathered:
    """What was linked and labelled of a whole backlog before the batches that read it.

    number: of the first labels that came of it. tables: the versions of links and labels before.
    """

    number: int
    tables: Mapping[str, int]


@dataclass
class Batch:
    """One batch of one query: what it may read, and how it writes so that a repeat is a no-op."""

    lake: Lake
    query: str
    generation: str
    batch_id: int
    pins: Mapping[str, int]
    as_of: datetime | None = None
    previous_as_of: datetime | None = None
    # Tests end the process behind a commit; then commits go one after another.
    hook: Hook | None = None
    before: int = 0
    gathered: Gathered | None = None
    # Whether it may speak: a batch in the midst of a backlog does not know yet what forbids it.
    may_speak: bool = False
    # The policies that do not speak for now; * stands for all. Those that somebody has paused, of
    # which what is ahead is called back, too.
    paused: tuple[str, ...] = ()
    halted: tuple[str, ...] = ()
    # The reference tables that are others than for the batch before, with their versions then.
    replaced: Mapping[str, int] = field(default_factory=dict)
    # How long it may be until the next batch.
    ahead: timedelta = timedelta()
    # Whether what the batch writes is so little that it may pass through this process.
    is_small: bool = False
    # Whether it came with so few rows that all it holds is in one piece.
    is_one_piece: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    # Its row in `batches`, once it is known.
    row: dict[str, Any] = field(default_factory=dict)
    _kept: list[DataFrame] = field(default_factory=list)

    @property
    def number(self) -> int:
        """The batch's number in the lake: a replay begins a new checkpoint, but counts on."""
        return self.before + self.batch_id

    def read(self, table: Table) -> DataFrame:
        """The table as it was when this batch was first tried."""
        # A batch that an earlier version began pins no table that it knew nothing of.
        return self.lake.store.read(table, self.pins.get(table.id))

    @cached_property
    def logs(self) -> Logs:
        """Where the batch looks up what earlier batches left."""
        return self.lake.store.logs(self.pins, batch=self.number, keep=self.keep)

    @cached_property
    def logs_before_gathering(self) -> Logs:
        """The same, as earlier batches left it before the backlog was gathered."""
        assert self.gathered is not None
        return self.lake.store.logs(self.gathered.tables, batch=None, keep=self.keep)

    def keep(self, frame: DataFrame) -> DataFrame:
        """Hold a frame that several steps read; it is let go when the batch ends."""
        if self.is_one_piece:
            return materialise_small(frame, self._kept)
        self._kept.append(materialise(frame))
        return self._kept[-1]

    def keep_input(self, frame: DataFrame) -> DataFrame:
        """Hold what the batch came with; how much that is, decides how the rest is held."""
        kept = self.keep(frame)
        self.is_one_piece = kept.count() <= ONE_PIECE_ROWS
        return kept.coalesce(1) if self.is_one_piece else kept

    def timed(self, step: str, work: Callable[[], Any]) -> Any:
        """What work answers; how long it took counts for its step."""
        started = monotonic()
        try:
            return work()
        finally:
            self.seconds[step] = round(self.seconds.get(step, 0.0) + monotonic() - started, 3)

    def numbered(self, rows: pa.Table) -> pa.Table:
        """Rows with the number of the batch that writes them."""
        return rows.append_column("batch_id", pa.repeat(pa.scalar(self.number), len(rows)))

    def commit(self, outputs: Mapping[Table, Output]) -> None:
        """Append every output, each under its own transaction id.

        An empty append would still be a version, so it is not made. A write that already
        happened in an earlier try is skipped by Delta itself.
        """
        numbered = list(enumerate(sorted(outputs.items(), key=lambda item: item[0].id), start=1))
        if self.hook:
            for k, (table, output) in numbered:
                self._append(table, output)
                self.hook(self.query, k, table.id)
        else:
            with ThreadPoolExecutor(COMMIT_THREADS) as pool:
                work = inheritable_thread_target(self.lake.spark)(self._append)
                for done in [pool.submit(work, table, output) for _, (table, output) in numbered]:
                    done.result()
        self.lake.observer.batch_done(self, outputs)

    def commit_large(self, table: Table, rows: DataFrame, *, k: int = 1) -> None:
        """Append one output that there surely is: to look first would be to work it out twice."""
        large = table.conform(rows)
        self.lake.store.append_by_spark(table, large, self._application(table), self.batch_id)
        if self.hook:
            self.hook(self.query, k, table.id)

    def commit_pieces(self, table: Table, pieces: Iterable[pa.Table], *, k: int = 1) -> None:
        """Append the pieces of one output that is too large for one place. k: its number."""
        self.lake.store.append_pieces(table, pieces, self._application(table), self.batch_id)
        if self.hook:
            self.hook(self.query, k, table.id)

    def _application(self, table: Table) -> str:
        return f"tactful/{self.query}/{self.generation}/{table.id}"

    def _append(self, table: Table, output: Output) -> None:
        application = self._application(table)
        if isinstance(output, DataFrame):
            output = self.lake.store.collected(table.conform(output), few=self.is_small)
        if isinstance(output, pa.Table):
            self.lake.store.append(table, Part(output, application, self.batch_id))
        elif not output.isEmpty():
            self.lake.store.append_by_spark(table, output, application, self.batch_id)

    def release(self) -> None:
        """Free all that was held for this batch."""
        for frame in self._kept:
            unpersist(frame)
        self._kept.clear()
        for name in ("logs", "logs_before_gathering"):
            if name in self.__dict__:
                getattr(self, name).release()


def pin(
    lake: Lake, query: str, batch_id: int, tables: Iterable[Table], configuration_hash: str
) -> tuple[dict[str, Any], bool]:
    """Write down, once, the version of every table this batch reads; a repeat gets the same.

    Returns the pins and whether they were there already (a repeat).
    Raises: ConfigurationChanged, where a repeat runs under another configuration.
    """
    found = read_pins(lake, query, batch_id)
    if found is not None:
        refuse_other_configuration(found, query, configuration_hash)
        return found, True
    pins = {
        "batch_id": batch_id,
        "configuration_hash": configuration_hash,
        "tables": {table.id: lake.store.version(table) for table in tables},
    }
    return pins, False


def save_pins(lake: Lake, query: str, pins: Mapping[str, Any]) -> None:
    """Write a batch's pins, and let those of a batch long done go."""
    place = pins_path(lake, query, pins["batch_id"])
    lake.store.write_text(place, json.dumps(pins, sort_keys=True) + "\n", keep=True)
    if pins["batch_id"] >= KEPT_PINS:
        lake.store.remove(pins_path(lake, query, pins["batch_id"] - KEPT_PINS))


def forget_pins(lake: Lake, query: str, batch_id: int) -> None:
    """Let a batch that wrote nothing begin again, under whatever configuration there is then."""
    lake.store.remove(pins_path(lake, query, batch_id))


def save_done(lake: Lake, query: str, batch_id: int) -> None:
    """Write down that a batch is done, where Spark does so for queries of its own."""
    done = f"{lake.checkpoint(query)}/commits"
    lake.store.write_text(f"{done}/{batch_id}", "done\n", keep=True)
    if batch_id >= KEPT_PINS:
        lake.store.remove(f"{done}/{batch_id - KEPT_PINS}")


def pins_path(lake: Lake, query: str, batch_id: int) -> str:
    """Where the pins of a batch lie."""
    return lake.beside_checkpoint(query, f"pins/{batch_id:012d}.json")


def read_pins(lake: Lake, query: str, batch_id: int) -> dict[str, Any] | None:
    """What was written down of a batch when it began; None where it has not."""
    return read_json(lake.store, pins_path(lake, query, batch_id), way_out=REBUILD)


def decided_until(lake: Lake, query: str, batch_id: int) -> datetime | None:
    """The clock of a batch; None where there was none, or where it had no clock."""
    told = (read_pins(lake, query, batch_id) or {}).get("as_of")
    return datetime.fromisoformat(told) if told else None


def refuse_other_configuration(
    pins: Mapping[str, Any], query: str, configuration_hash: str
) -> None:
    """A half-done batch must be finished by the configuration that began it (G2)."""
    if pins["configuration_hash"] != configuration_hash:
        raise ConfigurationChanged(
            f"Batch {pins['batch_id']} of query {query} was begun under another configuration and "
            "is not finished; run once more with the configuration of that run, then change it."
        )


def unfinished(lake: Lake, query: str) -> dict[str, Any] | None:
    """The pins of a batch that was begun and never committed, if there is one."""
    newest = last_begun(lake, query)
    return read_pins(lake, query, newest) if newest > last_done(lake, query) else None


def refuse_lost_offsets(lake: Lake, query: str) -> None:
    """Refuse a checkpoint that is behind its own batches, such as one emptied by hand.

    An offset is written before its batch is pinned. Without it Spark would use the batch's number
    again, and Delta would ignore all that is written under it: rows would vanish silently.

    Raises: CheckpointMismatch.
    """
    if last_begun(lake, query) > _newest(lake, f"{lake.checkpoint(query)}/offsets"):
        raise CheckpointMismatch(
            f"The checkpoint of query {query} at {lake.checkpoint(query)} has lost offsets of "
            "batches that were begun; put it back, or rebuild with: tactful replay --from received."
        )


def checkpoint_to_start_from(lake: Lake, query: str) -> str:
    """The query's checkpoint, rid of a start that was cut short before its first batch.

    Spark refuses for ever to begin in a folder that holds the half of a first offset; as long as
    no offset is whole, no batch was begun and nothing in the folder is worth keeping.
    """
    place = lake.checkpoint(query)
    if _newest(lake, f"{place}/offsets") < 0 and lake.store.exists(place):
        lake.store.remove(place)
    return place


def copied_checkpoint(lake: Lake, query: str, place: str) -> None:
    """Put at `place` what a query needs to go on from where it is, without moving on itself.

    Its own note of who it is, and the last batches that are done: Spark looks at two of them.
    """
    own, done = lake.checkpoint(query), last_done(lake, query)
    batches = range(max(done - 1, 0), done + 1)
    of_batches = (f"{log}/{number}" for log in ("offsets", "commits") for number in batches)
    for name in ("metadata", *of_batches):
        if (text := lake.store.read_text(f"{own}/{name}")) is not None:
            lake.store.write_text(f"{place}/{name}", text)


def last_begun(lake: Lake, query: str) -> int:
    """The newest batch of a query that is pinned; -1 before the first."""
    return _newest(lake, lake.beside_checkpoint(query, "pins"))


def last_done(lake: Lake, query: str) -> int:
    """The newest batch of a query that is finished; -1 before the first."""
    return _newest(lake, f"{lake.checkpoint(query)}/commits")


def _newest(lake: Lake, folder: str) -> int:
    """The highest of the batch numbers that a folder's files are named after; -1 without any."""
    stems = (name.partition(".")[0] for name in lake.store.names(folder))
    return max((int(stem) for stem in stems if stem.isdigit()), default=-1)
