"""Accept: one query over `_log/received` that lets every event in once and sorts out the rest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.streaming.listener import StreamingQueryProgress
from pyspark.sql.types import StructType

from tactful.jobs.errors import StepFailed
from tactful.jobs.identity.keyed import keys_of
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs import partitions
from tactful.jobs.runs.batches import (
    ACCEPT,
    FEW_ROWS,
    Batch,
    Hook,
    Output,
    Pace,
    checkpoint_to_start_from,
    pin,
    save_pins,
)
from tactful.jobs.settings.config import Config
from tactful.schemas.events import STREAMS
from tactful.schemas.identity import IDENTIFIERS
from tactful.schemas.intake import BATCHES, QUARANTINE, RECEIVED
from tactful.schemas.table import Table
from tactful.transforms.acceptance import ACCEPTED, DUPLICATE, QUARANTINED, sort_out
from tactful.transforms.acceptance import repeats as find_repeats
from tactful.transforms.identity.keys import (
    identifier_sets,
    with_keys,
)

QUERY = ACCEPT
# What only a refused row still needs: accepted ones are carried on without.
RAW = ("raw", "raw_base64", "source_position", "reasons", "source_name", "row_id", "status")
# Some 100 bytes a row: about a million rows a batch, however much has landed at once.
BATCH_BYTES, BATCH_FILES = "128m", 64
FEW_BYTES = 100_000_000
LOOKED_UP = (*STREAMS.values(), IDENTIFIERS)


def start(
    lake: Lake,
    config: Config,
    pace: Pace,
    hook: Hook | None = None,
    *,
    repeats: Repeats | None = None,
) -> StreamingQuery:
    """Start accepting: every row that landed, beside the ids that were never seen before.

    The second leg is Spark's own `dropDuplicates` over 16-byte hashes, which remembers every id
    for ever in RocksDB; no other row is kept in that state, so there is nothing to forget there.
    """
    generation, repeats = lake.generation(QUERY), repeats or Repeats()
    partitions.settle(lake, QUERY, generation, [RECEIVED])
    bounds = {"maxFilesPerTrigger": str(BATCH_FILES), "maxBytesPerTrigger": BATCH_BYTES}
    received = lake.store.stream(RECEIVED, **bounds)
    ids = received.where(F.size("reasons") == 0).select("event_hash").dropDuplicates()
    # A row or an id in each: as columns side by side, an id would drag a row of nulls along.
    both = received.select(F.struct("*").alias("row")).unionByName(
        ids.select(F.col("event_hash").alias("fresh")), allowMissingColumns=True
    )

    def process(frame: DataFrame, batch_id: int) -> None:
        repeats.hold(_running(lake))
        pins, repeated = pin(lake, QUERY, batch_id, LOOKED_UP, config.hash)
        if not repeated:
            save_pins(lake, QUERY, pins)
        batch = Batch(lake, QUERY, generation, batch_id, pins["tables"], hook=hook)
        try:
            batch.commit(accept(batch, batch.keep_input(_numbered(frame)), config, repeats))
        finally:
            batch.release()

    writer = (
        both.writeStream.foreachBatch(process)
        .queryName(QUERY)
        .option("checkpointLocation", checkpoint_to_start_from(lake, QUERY))
    )
    return pace.of(writer).start()


def _numbered(frame: DataFrame) -> DataFrame:
    """Tell even equal rows apart; which of them is accepted makes no difference."""
    return frame.withColumn("row_id", F.monotonically_increasing_id())


def accept(batch: Batch, frame: DataFrame, config: Config, repeats: Repeats) -> dict[Table, Output]:
    """Sort the batch's rows out, give the accepted ones their keys, count everything."""
    rows = frame.where("row IS NOT NULL").select("row.*", "row_id")
    fresh = frame.where("fresh IS NOT NULL").select(F.col("fresh").alias("event_hash"))
    repeated = batch.keep(find_repeats(rows, fresh))
    again, old = repeated.agg(F.count("*"), F.count_if(~F.col("is_fresh"))).first()
    sorted_out = rows.transform(
        sort_out,
        repeated,
        _accepted_before(batch, rows, repeated, config, count=old),
        compare_within=config.intake.dedupe_compare,
        count=again,
    )
    counts = _counts(batch, sorted_out)
    repeats.count(batch.batch_id, counts)
    batch.is_small = counts["read_rows"] <= FEW_ROWS and (counts["size"] or 0) <= FEW_BYTES
    accepted = sorted_out.where(F.col("status") == ACCEPTED).drop(*RAW)
    keys = _keys(batch, accepted, config)
    count = counts["accepted_rows"] if batch.is_small else keys.count()
    events = batch.keep(accepted.transform(with_keys, keys, count=count))
    outputs: dict[Table, Output] = {
        table: events.where(F.col("stream") == name).withColumn("ingested_at", F.col("landed_at"))
        for name, table in STREAMS.items()
        if counts[name]
    }
    if counts["quarantined_rows"]:
        refused = sorted_out.where(F.col("status") == QUARANTINED)
        outputs[QUARANTINE] = batch.keep(refused.withColumn("quarantined_at", F.col("landed_at")))
    if counts["accepted_rows"]:
        forms = keys.select(F.explode("known").alias("known")).select("known.*").distinct()
        outputs[IDENTIFIERS] = batch.logs.new_identifiers(forms)
    return {**outputs, BATCHES: _counted(batch, counts)}


def _accepted_before(
    batch: Batch, rows: DataFrame, repeated: DataFrame, config: Config, *, count: int
) -> DataFrame:
    """What is known of the ids in this batch that were accepted not long before it.

    Only those: an older one is a repeat whatever it says, and the files say when they landed.
    count: how many ids were accepted before at all.
    """
    old = repeated.where("NOT is_fresh").select("event_hash")
    if not count:
        known = "event_hash binary, payload_hash binary, ingested_at timestamp"
        return small_frame(batch.lake.spark, [], StructType.fromDDL(known))
    within = F.lit(config.intake.dedupe_compare)
    span = rows.agg(F.min("landed_at") - within, F.max("landed_at") + within).first()
    accepted = reduce(
        DataFrame.unionByName,
        (
            batch.read(table)
            .where(F.col("ingested_at").between(*span))
            .select("event_hash", "payload_hash", "ingested_at")
            for table in STREAMS.values()
        ),
    )
    return batch.keep(accepted.join(old, "event_hash", "left_semi"))


def _keys(batch: Batch, accepted: DataFrame, config: Config) -> DataFrame:
    """The keys of all combinations of identifiers that the accepted rows carry."""
    sets = batch.keep(identifier_sets(accepted))
    return batch.keep(keys_of(batch.lake, sets, config))


def _counts(batch: Batch, sorted_out: DataFrame) -> dict[str, Any]:
    """Count the batch and hold it to G3: every row read is accounted for, once."""
    status = F.col("status")
    is_accepted = status == ACCEPTED
    reused = F.array_contains("reasons", "id_reused")
    found = (
        sorted_out.agg(
            F.count("*").alias("read_rows"),
            F.count_if(is_accepted).alias("accepted_rows"),
            F.count_if(status == DUPLICATE).alias("duplicate_rows"),
            F.count_if(status == QUARANTINED).alias("quarantined_rows"),
            F.count_if(reused).alias("id_reused_rows"),
            # A refused row's clock may stand anywhere.
            F.max(F.when(is_accepted, F.col("occurred_at"))).alias("watermark"),
            F.sum(F.octet_length("raw")).alias("size"),
            *(F.count_if(is_accepted & (F.col("stream") == name)).alias(name) for name in STREAMS),
        )
        .first()
        .asDict()
    )
    parts = ("accepted_rows", "duplicate_rows", "quarantined_rows")
    if found["read_rows"] != sum(found[part] for part in parts):
        raise StepFailed(
            f"Batch {batch.batch_id} of {batch.query} read {found['read_rows']} rows and accounts "
            f"for {sum(found[part] for part in parts)}; nothing was written, please report it."
        )
    return found


def _counted(batch: Batch, counts: dict[str, Any]) -> DataFrame:
    batch.row = {
        "query": batch.query,
        "generation": batch.generation,
        "batch_id": batch.batch_id,
        "forgotten_rows": 0,
        "seconds": dict(batch.seconds),
        **counts,
    }
    return small_frame(batch.lake.spark, [batch.row], BATCHES.struct())


class Repeats:
    """Holds our own count of every batch's repeats against what Spark itself dropped (G3).

    Spark tells it once a batch is done, and keeps a hundred reports, those of idle moments among
    them. So a batch is looked after as soon as the next one begins, and whenever a run asks.
    """

    def __init__(self) -> None:
        self._counted: dict[int, int] = {}

    def count(self, batch_id: int, counts: Mapping[str, Any]) -> None:
        """Remember what a batch counts, until Spark's report of it is there."""
        if counts["read_rows"]:
            self._counted[batch_id] = counts["duplicate_rows"] + counts["id_reused_rows"]

    def hold(self, query: StreamingQuery | None) -> None:
        """Compare all batches of which there are reports by now.

        Raises: StepFailed.
        """
        if query is None or not self._counted:
            return
        newest = query.lastProgress
        for report in query.recentProgress if not self._is_last(newest) else [newest]:
            if report.batchId in self._counted and report.numInputRows:
                _compare(report.batchId, self._counted.pop(report.batchId), _dropped(report))

    def end(self, query: StreamingQuery) -> None:
        """Compare what is left of a query that has come to its end.

        Raises: StepFailed, also where a batch was never told of.
        """
        self.hold(query)
        if self._counted:
            raise StepFailed(
                f"Spark made no report of batch {min(self._counted)} of {QUERY}, so nobody knows "
                "whether all its rows are accounted for; compare _log/received with the streams "
                "and report it."
            )

    def _is_last(self, report: StreamingQueryProgress | None) -> bool:
        """Whether a report is of the only batch that is waited for: a look at one is cheaper."""
        return (
            report is not None and report.numInputRows > 0 and {*self._counted} == {report.batchId}
        )


def _dropped(report: StreamingQueryProgress) -> int:
    return sum(
        int(operator.customMetrics.get("numDroppedDuplicateRows", 0))
        for operator in report.stateOperators
    )


def _compare(batch_id: int, counted: int, dropped: int) -> None:
    if counted != dropped:
        raise StepFailed(
            f"Batch {batch_id} of {QUERY} counts {counted} repeats where Spark dropped {dropped}; "
            "compare _log/received with the streams and report it."
        )


def _running(lake: Lake) -> StreamingQuery | None:
    """The query itself, as its own batches find it."""
    return next((query for query in lake.spark.streams.active if query.name == QUERY), None)


def totals(lake: Lake, *, after: int) -> dict[str, int]:
    """What became of the rows in the batches after a given one."""
    names = ("read_rows", "accepted_rows", "duplicate_rows", "quarantined_rows")
    generation = lake.generation(QUERY)
    ours = lake.store.read(BATCHES).where((F.col("query") == QUERY) & (F.col("batch_id") > after))
    sums = ours.where(F.col("generation") == generation).agg(*(F.sum(n).alias(n) for n in names))
    return {name: number or 0 for name, number in sums.first().asDict().items()}
