"""Land: one small stateless query a source, from its files to `_log/received`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from pyspark.sql import DataFrame
from pyspark.sql.streaming import StreamingQuery

from tactful.jobs import files, landing_files
from tactful.jobs.config import Config
from tactful.jobs.errors import StepFailed
from tactful.jobs.lake import Lake, Part
from tactful.jobs.runtime import Pace, checkpoint_to_start_from
from tactful.schemas.intake import RECEIVED
from tactful.transforms.sources.canonical import understand

# What a batch of a round may hold, since its rows pass through this process.
ROUND_BYTES = 32_000_000
# Parquet and packed text unfold to several times as much.
PACKED_BYTES = ROUND_BYTES // 8
PACKED = (".gz", ".bz2", ".zst", ".deflate", ".snappy", ".lz4")


def query_name(source_name: str) -> str:
    return f"land_{source_name}"


class Round:
    """What all sources land at the same time, put into the log in one commit.

    A query that looks for work all the time would find the first source's rows and begin, and need
    a second batch for the others'. Each source keeps its own transaction, the one that Spark itself
    writes under, so a source that is killed behind the commit lands nothing twice.
    """

    def __init__(self, lake: Lake, bounds: Mapping[str, int]) -> None:
        """bounds: how many bytes of files each source may bring at a time."""
        self.bounds = bounds
        self._lake = lake
        self._brought: dict[str, Part] = {}
        self._turn = threading.Condition()
        self._all_here = self._is_over = False

    def bring(self, part: Part) -> None:
        """Wait with a source's rows until they are committed; whoever wakes first does it."""
        with self._turn:
            self._brought[part.application] = part
            self._turn.wait_for(
                lambda: self._all_here or self._is_over or part.application not in self._brought
            )
            if part.application not in self._brought:
                return
            if self._is_over:
                raise StepFailed("The run was stopped before these rows were committed.")
            self._lake.append(RECEIVED, *self._brought.values())
            self._brought.clear()
            self._all_here = False
            self._turn.notify_all()

    def look(self, active: Iterable[StreamingQuery]) -> None:
        """Let the rows be committed if every source that is still at work has brought its own."""
        with self._turn:
            if self._brought and {query.id for query in active} <= self._brought.keys():
                self._all_here = True
                self._turn.notify_all()

    def give_up(self) -> None:
        """Let nobody wait any longer; what is not committed is landed by the next run."""
        with self._turn:
            self._is_over = True
            self._turn.notify_all()


def round_of(lake: Lake, config: Config, *, since: float) -> Round | None:
    """A round for what came since; none where Spark had better write it alone.

    Rows of a round pass through this process, so no file may be too large for that; on a shared
    disk nobody but Spark writes.
    """
    places = [config.path(source.path) for source in config.sources.values()]
    if not all(files.is_local(place) for place in (lake.location, *places)):
        return None
    bounds = {}
    for (name, source), place in zip(config.sources.items(), places, strict=True):
        # A file system's clock may lag behind the machine's by some milliseconds.
        came = files.came(place, since=since - 1)
        is_packed = source.format == "parquet" or any(file.endswith(PACKED) for file in came)
        bounds[name] = PACKED_BYTES if is_packed else ROUND_BYTES
        if max(came.values(), default=0) > bounds[name]:
            return None
    return Round(lake, bounds)


def start(
    lake: Lake, config: Config, name: str, pace: Pace, together: Round | None = None
) -> StreamingQuery:
    """Start landing one source: read its new files, understand every row, append."""
    source = config.sources[name]
    place, query = config.path(source.path), query_name(name)
    bounded = {"maxBytesPerTrigger": str(together.bounds[name])} if together else {}
    stream = lake.spark.readStream.options(**bounded)

    def put(rows: DataFrame, batch_id: int) -> None:
        understood = understand(
            rows,
            stream=source.stream,
            source_name=name,
            max_row_bytes=config.intake.max_row_bytes,
            max_skew=config.intake.max_skew,
        )
        received = RECEIVED.conform(understood)
        query_id = lake.spark.sparkContext.getLocalProperty("sql.streaming.queryId")
        if together is None:
            lake.append_by_spark(RECEIVED, received, query_id, batch_id)
        else:
            together.bring(Part(received.toArrow(), query_id, batch_id))

    def put_files(names: DataFrame, batch_id: int) -> None:
        landing_files.hand_over(
            names, lambda rows: put(rows, batch_id), form=source.format, folder=place
        )

    writer = landing_files.listed(stream, place).writeStream.foreachBatch(put_files)
    writer = writer.queryName(query)
    writer = writer.option("checkpointLocation", checkpoint_to_start_from(lake, query))
    return pace.of(writer).start()
