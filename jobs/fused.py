"""Fused: one query that takes each batch through stitch, join, decide and deliver at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQuery

from tactful.jobs import decide
from tactful.jobs.config import Config
from tactful.jobs.deliver import deliver
from tactful.jobs.lake import Lake
from tactful.jobs.runtime import Batch, Hook, Pace, pin, read_pins, save_pins
from tactful.jobs.stitch import Stitched, stitch
from tactful.schemas.events import ACCEPTED, STREAMS, wide_columns
from tactful.schemas.identity import IDENTIFIERS, IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.intake import BATCHES, TICKS, WAITING
from tactful.schemas.records import MEMBERSHIPS
from tactful.schemas.reference import PRODUCTS
from tactful.schemas.suppressions import DUE, SUPPRESSIONS
from tactful.schemas.table import Table
from tactful.schemas.timeline import DETAILS, EVENTS, FACTS
from tactful.transforms.owners import with_owner
from tactful.transforms.timeline import to_timeline
from tactful.transforms.undo import TAKES_BACK

QUERY = "fused"
TICK = "_ticks"
LINK_COLUMNS = ("identifier_keys", "identifier_types", "blocked_keys", "blocked_types")
WORKED_OUT = ("event_date", "quantity", "amount", "line_number")
# What the steps ask of an event; addresses, raw identifiers and unknown fields are not carried.
CARRIED = (
    *LINK_COLUMNS,
    "anchor_key",
    "lines",
    *(c.name for c in (*FACTS, *DETAILS) if c.name not in WORKED_OUT),
)
LOOKED_UP = (LINKS, LABELS, EVENTS, WAITING, DUE, MEMBERSHIPS, IDENTIFIERS, PRODUCTS, TICKS)


def start(
    lake: Lake,
    config: Config,
    pace: Pace,
    hook: Hook | None = None,
    *,
    files_per_batch: int = 64,
) -> StreamingQuery:
    """Start the main query over the five streams and the clock."""
    generation = lake.generation(QUERY)

    def process(frame: DataFrame, batch_id: int) -> None:
        batch = _begin(lake, config, generation, frame, batch_id, hook)
        try:
            batch.commit(_steps(batch, frame.where(F.col("stream") != TICK), config))
        finally:
            batch.release()

    writer = (
        _inputs(lake, files_per_batch)
        .writeStream.foreachBatch(process)
        .queryName(QUERY)
        .option("checkpointLocation", lake.checkpoint(QUERY))
    )
    return pace.of(writer).start()


def _inputs(lake: Lake, files_per_batch: int) -> DataFrame:
    options = {"maxFilesPerTrigger": str(files_per_batch)}
    columns = [column.name for column in (*wide_columns(), *ACCEPTED)]
    streams = [
        lake.stream(table, **options).withColumn("stream", F.lit(name))
        for name, table in STREAMS.items()
    ]
    ticks = lake.stream(TICKS, **options).select(
        F.lit(TICK).alias("stream"),
        F.col("tick_id").alias("event_id"),
        F.col("as_of").alias("occurred_at"),
    )
    union = reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), [*streams, ticks])
    return union.select("stream", *columns)


def _begin(
    lake: Lake, config: Config, generation: str, frame: DataFrame, batch_id: int, hook: Hook | None
) -> Batch:
    """Fix what the batch reads and what time it is for it, once; a repeat finds both."""
    pins, repeated = pin(lake, QUERY, batch_id, LOOKED_UP, config.hash)
    if not repeated:
        earlier = read_pins(lake, QUERY, batch_id - 1) if batch_id else None
        before = earlier["as_of"] if earlier else None
        tick = frame.where(F.col("stream") == TICK).agg(F.max("occurred_at")).first()[0]
        if tick is None and before is None:
            tick = lake.read(TICKS).agg(F.max("as_of")).first()[0]
        pins["as_of"] = _utc(tick).isoformat() if tick is not None else before
        pins["previous_as_of"] = before
        save_pins(lake, QUERY, pins)
    previous = pins["previous_as_of"]
    return Batch(
        lake,
        QUERY,
        generation,
        batch_id,
        pins["tables"],
        as_of=datetime.fromisoformat(pins["as_of"]),
        previous_as_of=datetime.fromisoformat(previous) if previous else None,
        hook=hook,
        before=lake.batches_before(QUERY),
    )


def _steps(batch: Batch, arrived: DataFrame, config: Config) -> dict[Table, DataFrame]:
    """The batch as a sentence: hold back, stitch, join, decide, deliver, count."""
    events, waiting = batch.timed("hold back", lambda: _hold_back(batch, arrived))
    stitched = batch.timed("stitch", lambda: stitch(batch, events, config.identity))
    fresh = batch.timed("join", lambda: batch.keep(EVENTS.conform(to_timeline(events))))
    counts = _count(batch, events, waiting, fresh, stitched)
    touched = batch.timed("touch", lambda: _touched(batch, fresh, stitched, counts))
    facts = batch.timed("gather", lambda: _facts(batch, fresh, touched, stitched, counts))
    suppressed = batch.timed("decide", lambda: _decide(batch, facts, touched, stitched, config))
    delivered = batch.timed(
        "deliver",
        lambda: deliver(batch, suppressed, facts, _identifiers(stitched, touched), config),
    )
    return {
        LINKS: stitched.links,
        LABELS: stitched.labels,
        IDENTITY_CHANGES: stitched.changes,
        EVENTS: fresh,
        WAITING: waiting,
        DUE: decide.falls_due(suppressed, batch_id=batch.number, as_of=batch.as_of),
        **delivered,
        BATCHES: _counted(batch, counts, touched),
    }


def _hold_back(batch: Batch, arrived: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Events dated after the clock wait; those whose time has come since the last batch go on.

    What goes on leaves behind what no later step asks for; what waits keeps everything.
    """
    now = F.lit(batch.as_of)
    waiting = arrived.where(F.col("occurred_at") > now)
    ready = arrived.where(F.col("occurred_at") <= now).select(*CARRIED)
    since = batch.previous_as_of
    if since is not None and since < batch.as_of:
        due = (F.col("occurred_at") > F.lit(since)) & (F.col("occurred_at") <= now)
        ready = ready.unionByName(batch.read(WAITING).where(due).select(*CARRIED))
    return batch.keep(ready), batch.keep(waiting)


@dataclass(frozen=True)
class Counts:
    """What the batch holds, counted once: steps with nothing to do are not planned at all."""

    read_rows: int
    waiting_rows: int
    newest: datetime | None
    take_backs: int
    hubs: bool
    moves: bool


def _count(
    batch: Batch, events: DataFrame, waiting: DataFrame, fresh: DataFrame, stitched: Stitched
) -> Counts:
    went_on = events.agg(F.count("*"), F.max("occurred_at")).first()
    waits = waiting.count()
    take_backs = fresh.agg(F.count_if(F.col("type").isin(*TAKES_BACK))).first()[0]
    hubs = not stitched.current.where("state = 'hub'").isEmpty()
    moves = not stitched.moved.isEmpty()
    return Counts(went_on[0] + waits, waits, went_on[1], take_backs, hubs, moves)


def _touched(batch: Batch, fresh: DataFrame, stitched: Stitched, counts: Counts) -> DataFrame:
    """The persons whose decisions this batch may change.

    Those with new events, those whose identifiers moved, those whose orders were taken back by
    an event that does not know them, and those for whom something falls due.
    """
    slim = fresh.select("anchor_key", "identifier_keys", "occurred_at").distinct()
    persons = with_owner(slim, stitched.current, hubs=counts.hubs).select("person_id")
    if counts.moves:
        moved = stitched.moved
        persons = persons.union(moved.select("from_person_id")).union(moved.select("to_person_id"))
    if counts.take_backs:
        back = fresh.where(F.col("type").isin(*TAKES_BACK)).select("order_id").distinct()
        known = batch.read(EVENTS).where("type = 'order_placed'")
        placed = known.unionByName(fresh.where("type = 'order_placed'"))
        named = placed.join(back, "order_id", "left_semi")
        persons = persons.union(
            with_owner(named, stitched.current, hubs=counts.hubs).select("person_id")
        )
    if batch.previous_as_of is not None and batch.previous_as_of < batch.as_of:
        since, now = F.lit(batch.previous_as_of), F.lit(batch.as_of)
        due = batch.read(DUE).where((F.col("due_at") > since) & (F.col("due_at") <= now))
        keys = due.select(F.col("anchor_key").alias("identifier_key")).distinct()
        labels = stitched.current.join(keys, "identifier_key", "left_semi")
        persons = persons.union(labels.select("person_id"))
    return batch.keep(persons.where(F.col("person_id").isNotNull()).distinct())


def _facts(
    batch: Batch, fresh: DataFrame, touched: DataFrame, stitched: Stitched, counts: Counts
) -> DataFrame:
    """All that is known of the touched persons, and what took their orders back."""
    timeline = batch.read(EVENTS).unionByName(fresh)
    owned = with_owner(timeline, stitched.current, hubs=counts.hubs)
    mark = touched.withColumn("_touched", F.lit(True))
    relevant = batch.keep(
        owned.join(mark, "person_id", "left").where(
            F.col("_touched") | F.col("type").isin(*TAKES_BACK)
        )
    )
    own = relevant.where("_touched").drop("_touched")
    orders = own.where(F.col("type") == "order_placed").select("order_id").distinct()
    others = relevant.where("_touched IS NULL").join(orders, "order_id", "left_semi")
    return batch.keep(own.unionByName(others.select(own.columns)))


def _decide(
    batch: Batch, facts: DataFrame, touched: DataFrame, stitched: Stitched, config: Config
) -> DataFrame:
    """The touched persons' suppressions that hold now or will; what has ended decides nothing."""
    rules, caps = decide.needed_now(config)
    rows = decide.suppressions(
        facts, stitched.current, batch.read(PRODUCTS), rules=rules, caps=caps
    )
    if rows is None:
        return batch.lake.spark.createDataFrame([], SUPPRESSIONS.struct())
    open_ended = F.col("ends_at").isNull() | (F.col("ends_at") > F.lit(batch.as_of))
    return batch.keep(rows.where(open_ended).join(touched, "person_id", "left_semi"))


def _identifiers(stitched: Stitched, touched: DataFrame) -> DataFrame:
    """The identifiers that are the touched persons' now, or were before this batch."""
    columns = ("identifier_key", "identifier_type", "person_id", "state")
    labels = stitched.current.select(*columns)
    theirs = labels.join(touched, "person_id", "left_semi")
    moved = labels.join(stitched.moved.select("identifier_key"), "identifier_key", "left_semi")
    return theirs.select(*columns).union(moved.select(*columns)).distinct()


def _counted(batch: Batch, counts: Counts, touched: DataFrame) -> DataFrame:
    row = {
        "query": batch.query,
        "generation": batch.generation,
        "batch_id": batch.batch_id,
        "as_of": batch.as_of,
        "read_rows": counts.read_rows,
        "waiting_rows": counts.waiting_rows,
        "touched_persons": touched.count(),
        "slow_path_persons": 0,
        "watermark": counts.newest,
        "seconds": dict(batch.seconds),
    }
    return batch.lake.spark.createDataFrame([row], BATCHES.struct())


def _utc(moment: datetime) -> datetime:
    """Spark hands instants over in the machine's own zone, without saying so."""
    return moment.astimezone(UTC)
