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
from tactful.jobs.fold import APPENDS, fold_logs
from tactful.jobs.lake import Lake
from tactful.jobs.runtime import (
    Batch,
    Hook,
    Pace,
    checkpoint_to_start_from,
    pin,
    read_pins,
    save_pins,
)
from tactful.jobs.session import small_frame
from tactful.jobs.stitch import Stitched, stitch
from tactful.schemas.events import ACCEPTED, STREAMS, wide_columns
from tactful.schemas.identity import IDENTIFIERS, IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.intake import BATCHES, TICKS, WAITING
from tactful.schemas.records import MEMBERSHIPS
from tactful.schemas.reference import PRODUCTS
from tactful.schemas.suppressions import DUE, SUPPRESSIONS
from tactful.schemas.table import Table
from tactful.schemas.timeline import DETAILS, EVENTS, FACTS
from tactful.transforms.links import picked
from tactful.transforms.owners import with_owner
from tactful.transforms.timeline import to_timeline

QUERY = "fused"
TICK = "_ticks"
LINK_COLUMNS = ("identifier_keys", "identifier_types", "blocked_keys", "blocked_types")
WORKED_OUT = ("event_date", "kind", "quantity", "amount", "line_number")
# What the steps ask of an event; addresses, raw identifiers and unknown fields are not carried.
CARRIED = (
    *LINK_COLUMNS,
    "anchor_key",
    "lines",
    *(c.name for c in (*FACTS, *DETAILS) if c.name not in WORKED_OUT),
)
# Of each stream: a backlog is worked off in batches that fit into memory.
STREAM_BYTES = "64m"
LOOKED_UP = (LINKS, LABELS, EVENTS, WAITING, DUE, MEMBERSHIPS, IDENTIFIERS, PRODUCTS, TICKS)


def start(
    lake: Lake,
    config: Config,
    pace: Pace,
    hook: Hook | None = None,
    *,
    at_once: bool = False,
) -> StreamingQuery:
    """Start the main query over the five streams and the clock.

    at_once: take everything there is in one batch, so that audiences see only the difference.
    """
    generation = lake.generation(QUERY)

    def process(frame: DataFrame, batch_id: int) -> None:
        if batch_id % APPENDS == APPENDS - 1 and read_pins(lake, QUERY, batch_id) is None:
            fold_logs(lake)
        batch = _begin(lake, config, generation, frame, batch_id, hook)
        try:
            batch.commit(_steps(batch, frame.where(F.col("stream") != TICK), config))
        finally:
            batch.release()

    writer = (
        _inputs(lake, at_once=at_once)
        .writeStream.foreachBatch(process)
        .queryName(QUERY)
        .option("checkpointLocation", checkpoint_to_start_from(lake, QUERY))
    )
    return pace.of(writer).start()


def _inputs(lake: Lake, *, at_once: bool) -> DataFrame:
    bounded = {"maxFilesPerTrigger": "64", "maxBytesPerTrigger": STREAM_BYTES}
    # Without any bound of ours Delta has one of a thousand files.
    options = {"maxFilesPerTrigger": str(2**31 - 1)} if at_once else bounded
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
    bearing = decide.reach(config, batch.read(PRODUCTS)).bearing(
        batch.read(EVENTS).unionByName(fresh), as_of=batch.as_of
    )
    touched = batch.timed("touch", lambda: _touched(batch, fresh, bearing, stitched, counts))
    theirs = batch.keep(stitched.labels_with(touched))
    facts = batch.timed(
        "gather", lambda: _facts(batch, fresh, bearing, touched, theirs, stitched, counts)
    )
    suppressed = batch.timed("decide", lambda: _decide(batch, facts, touched, theirs, config))
    delivered = batch.timed(
        "deliver",
        lambda: deliver(
            batch, suppressed, facts, _identifiers(stitched, theirs), config, few=stitched.few
        ),
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
    take_backs = fresh.agg(F.count_if(F.col("kind") == "take_back")).first()[0]
    hubs = not stitched.log.where("state = 'hub'").isEmpty()
    moves = not stitched.moved.isEmpty()
    return Counts(went_on[0] + waits, waits, went_on[1], take_backs, hubs, moves)


def _touched(
    batch: Batch, fresh: DataFrame, bearing: DataFrame, stitched: Stitched, counts: Counts
) -> DataFrame:
    """The persons whose decisions this batch may change.

    Those with new events, those whose identifiers moved, those whose orders were taken back by
    an event that does not know them, and those for whom something falls due.
    """
    slim = fresh.select("anchor_key", "identifier_keys", "occurred_at").distinct()
    persons = with_owner(slim, stitched.touched, hubs=counts.hubs).select("person_id")
    if counts.moves:
        moved = stitched.moved
        persons = persons.union(moved.select("from_person_id")).union(moved.select("to_person_id"))
    if counts.take_backs:
        back = fresh.where("kind = 'take_back'").select("order_id")
        placed = bearing.where("kind = 'order'").select(*slim.columns, "order_id")
        named = batch.keep(picked(placed, back, few=stitched.few))
        labels = stitched.labels_of(_keys(named))
        persons = persons.union(with_owner(named, labels, hubs=counts.hubs).select("person_id"))
    if batch.previous_as_of is not None and batch.previous_as_of < batch.as_of:
        since, now = F.lit(batch.previous_as_of), F.lit(batch.as_of)
        due = batch.read(DUE).where((F.col("due_at") > since) & (F.col("due_at") <= now))
        labels = stitched.labels_of(due.select(F.col("anchor_key").alias("identifier_key")))
        persons = persons.union(labels.select("person_id"))
    return batch.keep(persons.where(F.col("person_id").isNotNull()).distinct())


def _facts(
    batch: Batch,
    fresh: DataFrame,
    bearing: DataFrame,
    touched: DataFrame,
    theirs: DataFrame,
    stitched: Stitched,
    counts: Counts,
) -> DataFrame:
    """What still bears on the touched persons, and what took their orders back."""
    anchors = theirs.select(F.col("identifier_key").alias("anchor_key"))
    owned = with_owner(picked(bearing, anchors, few=stitched.few), theirs, hubs=False)
    if counts.hubs:
        owned = owned.unionByName(_behind_hubs(batch, bearing, theirs, stitched))
    own = batch.keep(picked(owned, touched, few=stitched.few))
    taken_back = batch.read(EVENTS).unionByName(fresh).where("kind = 'take_back'")
    orders = own.where("kind = 'order'").select("order_id")
    back = picked(taken_back, orders, few=stitched.few)
    return batch.keep(own.unionByName(back, allowMissingColumns=True))


def _behind_hubs(
    batch: Batch, bearing: DataFrame, theirs: DataFrame, stitched: Stitched
) -> DataFrame:
    """Events whose best identifier is a hub, so that a further one says whose they are."""
    suspects = stitched.log.where("state = 'hub'").select("identifier_key")
    hubs = stitched.labels_of(suspects).where("state = 'hub'")
    anchored = picked(
        bearing, hubs.select(F.col("identifier_key").alias("anchor_key")), few=stitched.few
    )
    sets = anchored.select("identifier_keys").distinct()
    held = sets.select("identifier_keys", F.explode("identifier_keys").alias("identifier_key"))
    mine = picked(held, theirs.select("identifier_key"), few=stitched.few)
    events = batch.keep(picked(anchored, mine.select("identifier_keys"), few=stitched.few))
    return with_owner(events, stitched.labels_of(_keys(events)))


def _keys(events: DataFrame) -> DataFrame:
    return events.select(F.explode("identifier_keys").alias("identifier_key"))


def _decide(
    batch: Batch, facts: DataFrame, touched: DataFrame, theirs: DataFrame, config: Config
) -> DataFrame:
    """The touched persons' suppressions that hold now or will; what has ended decides nothing."""
    rules, caps = decide.needed_now(config)
    rows = decide.suppressions(facts, theirs, batch.read(PRODUCTS), rules=rules, caps=caps)
    if rows is None:
        return small_frame(batch.lake.spark, [], SUPPRESSIONS.struct())
    open_ended = F.col("ends_at").isNull() | (F.col("ends_at") > F.lit(batch.as_of))
    return batch.keep(rows.where(open_ended).join(touched, "person_id", "left_semi"))


def _identifiers(stitched: Stitched, theirs: DataFrame) -> DataFrame:
    """The identifiers that are the touched persons' now, or were before this batch."""
    columns = ("identifier_key", "identifier_type", "person_id", "state")
    moved = picked(stitched.touched, stitched.moved.select("identifier_key"), few=stitched.few)
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
    return small_frame(batch.lake.spark, [row], BATCHES.struct())


def _utc(moment: datetime) -> datetime:
    """Spark hands instants over in the machine's own zone, without saying so."""
    return moment.astimezone(UTC)
