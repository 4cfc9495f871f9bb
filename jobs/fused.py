"""Fused: one query that takes each batch through stitch, join, decide and deliver at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQuery

from tactful.jobs import decide, plan, propose
from tactful.jobs.begin import begin, rules_of
from tactful.jobs.deliver import deliver
from tactful.jobs.errors import TooManyRecords
from tactful.jobs.evidence import contacts, orders
from tactful.jobs.evidence.affected import find_affected, reactivated_persons
from tactful.jobs.evidence.anew import Anew, found_in_audiences, hold_back, identifiers_anew
from tactful.jobs.evidence.bounces import Bounced, bounced_of
from tactful.jobs.evidence.closings import closings_of, named_by_words
from tactful.jobs.evidence.counts import count, counted
from tactful.jobs.evidence.identifiers import identifiers_told
from tactful.jobs.evidence.message_lives import of_batch, whole_messages
from tactful.jobs.evidence.offers import concerned
from tactful.jobs.evidence.persons_events import events_of_persons
from tactful.jobs.gather import gather_if_long
from tactful.jobs.lake.folding import fold_in_turn
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs import moved, partitions
from tactful.jobs.runs.batches import (
    FEW_ROWS,
    FUSED,
    Batch,
    Hook,
    Output,
    Pace,
    checkpoint_to_start_from,
    decided_until,
    forget_pins,
    last_done,
    read_pins,
)
from tactful.jobs.settings.config import Config
from tactful.jobs.stitch import Stitched, stitch
from tactful.schemas.events import ACCEPTED, STREAMS, wide_columns
from tactful.schemas.identity import IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.intake import BATCHES, TICKS, WAITING
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, PRODUCTS
from tactful.schemas.suppressions import DUE, SUPPRESSIONS
from tactful.schemas.table import Table
from tactful.schemas.timeline import DETAILS, FACTS, MESSAGE_KEYS, TIMELINE_LOG
from tactful.transforms.closings import as_person, for_all_named
from tactful.transforms.identity.links import semi_join
from tactful.transforms.message_facts import is_of_message, with_own_facts
from tactful.transforms.plans.copies import is_of_copy
from tactful.transforms.timeline import to_timeline

QUERY = FUSED
TICK = "_ticks"
LINK_COLUMNS = ("identifier_keys", "identifier_types", "blocked_keys", "blocked_types")
WORKED_OUT = (
    "event_date", "event_class", "quantity", "line_number", "is_discounted", "device_os",
    "country", "region", "time_zone",
)  # fmt: skip
# What the steps ask of an event; addresses, raw identifiers and unknown fields are not carried.
CARRIED = (
    *LINK_COLUMNS,
    "anchor_key",
    "lines",
    "coupons",
    "device",
    "geo",
    *(c.name for c in (*FACTS, *DETAILS) if c.name not in WORKED_OUT),
)
# Of each stream: a backlog is worked off in batches that fit into memory.
STREAM_BYTES, STREAM_FILES = "64m", 64


def start(
    lake: Lake,
    config: Config,
    pace: Pace,
    hook: Hook | None = None,
    *,
    at_once: bool = False,
    is_confirmed: bool = False,
) -> StreamingQuery:
    """Start the main query over the five streams and the clock, a long backlog gathered first.

    at_once: take everything there is in one batch, so that audiences see only the difference.
    is_confirmed: whether a changed rule may tell destinations of as many persons as it takes.
    """
    generation = lake.generation(QUERY)
    partitions.settle(lake, QUERY, generation, STREAMS.values())
    moved.remember(lake, config)
    gather_if_long(lake, config, generation, hook)

    def process(frame: DataFrame, batch_id: int) -> None:
        if read_pins(lake, QUERY, batch_id) is None:
            fold_in_turn(lake, batch_id, decided=decided_until(lake, QUERY, batch_id - 1))
        batch, anew = begin(lake, config, generation, batch_id, hook, confirm=is_confirmed)
        try:
            before_telling = partial(hold_back, batch, anew, config)
            arrived = frame.where(is_data() & ~is_of_copy())
            batch.commit(steps(batch, arrived, anew, config, before_telling=before_telling))
            if (lake.state() or {}).get("held_back"):
                lake.remember(held_back=None)
        except TooManyRecords as error:
            # Nothing was written, so whoever did not mean it may change the rule back.
            forget_pins(lake, QUERY, batch_id)
            lake.remember(held_back=str(error))
            raise
        finally:
            batch.release()

    writer = (
        inputs(lake, at_once=at_once)
        .writeStream.foreachBatch(process)
        .queryName(QUERY)
        .option("checkpointLocation", checkpoint_to_start_from(lake, QUERY))
    )
    return pace.of(writer).start()


def inputs(lake: Lake, *, at_once: bool) -> DataFrame:
    """All that the main query reads: five streams, and the clock. at_once: see `start`."""
    bounded = {"maxFilesPerTrigger": str(STREAM_FILES), "maxBytesPerTrigger": STREAM_BYTES}
    # Without any bound of ours Delta has one of a thousand files.
    options = {"maxFilesPerTrigger": str(2**31 - 1)} if at_once else bounded
    columns = [column.name for column in (*wide_columns(), *ACCEPTED)]
    streams = [
        lake.store.stream(table, **options).withColumn("stream", F.lit(name))
        for name, table in STREAMS.items()
    ]
    ticks = lake.store.stream(TICKS, **options).select(
        F.lit(TICK).alias("stream"),
        F.col("tick_id").alias("event_id"),
        F.col("as_of").alias("occurred_at"),
    )
    union = reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), [*streams, ticks])
    return union.select("stream", *columns)


def is_deciding_anew(lake: Lake, config: Config) -> bool:
    """Whether a changed rule has not reached everybody yet: the next batch goes on with it."""
    pins = read_pins(lake, QUERY, last_done(lake, QUERY)) or {}
    if "anew" not in pins:
        return False
    anew = Anew(**pins["anew"])
    return anew.left > 1 or anew.rules != rules_of(lake, config)


def is_data() -> Column:
    """Whether a row of the inputs is anything but the clock's own."""
    return F.col("stream") != TICK


def steps(
    batch: Batch,
    arrived: DataFrame,
    anew: Anew,
    config: Config,
    *,
    before_telling: Callable[[DataFrame], None],
) -> dict[Table, Output]:
    """The batch as a sentence: hold back, stitch, join, decide, plan, deliver, count.

    before_telling: is shown the records before any file is written; what it raises ends the batch.
    """
    events, waiting = batch.timed("hold back", lambda: _hold_back(batch, arrived))
    came = to_timeline(events).withColumn("batch_id", F.lit(batch.number))
    fresh = batch.timed("join", lambda: batch.keep(TIMELINE_LOG.conform(came)))
    lookback = propose.lookback(config, batch.read(PRODUCTS), as_of=batch.as_of)
    relevant_events = lookback.relevant_events(
        batch.read(TIMELINE_LOG).unionByName(fresh), as_of=batch.as_of
    )
    counts = count(events, waiting, fresh)
    lives = batch.timed("messages", lambda: of_batch(batch, fresh, count=counts.messages))
    # Even where no destination names a rule about messages, a bounced address is told to none.
    hears = bool(config.destinations or config.activate)
    reads_orders = not lookback.of.keys().isdisjoint(orders.ORDER_CLASSES)
    order_rows = counts.order_rows if reads_orders else 0
    reads_contacts = contacts.CLASS in lookback.of
    contact_rows = counts.contact_rows if reads_contacts else 0
    heard = lives.earlier if lives and hears else None
    everybody = batch.timed("anew", lambda: identifiers_anew(batch, anew))
    hubs = batch.logs.hubs()
    contested = config.identity.is_any_contested
    named = None
    if hears:
        named = named_by_words(batch, fresh, lives, hubs, everybody, is_any_contested=contested)
    with_hubs = named.with_hubs(batch) if named else None
    reactivated = batch.timed(
        "reactivate",
        lambda: reactivated_persons(
            batch,
            fresh,
            relevant_events,
            heard,
            with_hubs,
            everybody,
            concerned(batch, relevant_events, plan.due_plans(batch, config), config),
            classes=lookback.of,
            order_rows=order_rows,
            contact_rows=contact_rows,
        ),
    )
    stitched = batch.timed(
        "stitch",
        lambda: stitch(
            batch,
            events,
            config.identity,
            hubs=hubs,
            reactivated_identifiers=reactivated.identifiers,
            due=reactivated.due,
        ),
    )
    closings = None
    if named:
        closings = batch.timed(
            "closings",
            lambda: closings_of(
                batch,
                fresh,
                relevant_events,
                lives,
                named,
                stitched,
                unique_types=config.identity.unique_types,
                is_any_contested=contested,
            ),
        )
    carriers = closings.persons if closings else None
    found_there = batch.timed("anew", lambda: found_in_audiences(batch, stitched))
    if found_there is not None:
        carriers = found_there if carriers is None else carriers.union(found_there)
    affected_persons = batch.timed(
        "affect",
        lambda: find_affected(
            batch, fresh, reactivated, stitched, carriers, is_read=lookback.is_read()
        ),
    )
    affected_identifiers = batch.keep(
        semi_join(stitched.affected, affected_persons, count=stitched.size)
    )
    found = batch.timed(
        "find",
        lambda: events_of_persons(
            batch,
            relevant_events,
            affected_identifiers,
            stitched,
            hubs=batch.logs.frame(pa.table({"anchor_key": stitched.hubs})),
        ),
    )
    if hears:
        found, since = batch.keep(found), lookback.since(batch.as_of)
        whole = batch.timed(
            "messages",
            lambda: whole_messages(
                batch, fresh, found, lives, affected_identifiers, stitched, since=since
            ),
        )
        others = with_own_facts(found.where(~is_of_message()))
        found = others if whole is None else for_all_named(whole).unionByName(others)
    if closings is not None:
        found = found.unionByName(closings.rows, allowMissingColumns=True)
    facts = batch.timed(
        "gather", lambda: batch.keep(semi_join(found, affected_persons, count=stitched.size))
    )
    if reads_orders:
        own = facts
        facts = batch.timed(
            "gather",
            lambda: batch.keep(
                orders.with_others(batch, fresh, own, classes=lookback.of, count=stitched.size)
            ),
        )
    if reads_contacts:
        theirs = facts
        facts = batch.timed(
            "gather",
            lambda: batch.keep(
                contacts.with_closings(theirs, relevant_events, count=stitched.size)
            ),
        )
    decided = affected_persons
    if closings is not None:
        facts = facts.unionByName(closings.of_addresses, allowMissingColumns=True)
        decided = decided.union(closings.addresses.select(as_person())).distinct()
    bounced = batch.timed(
        "bounces", lambda: bounced_of(batch, facts, affected_identifiers, stitched, config)
    )
    suppressed = batch.timed("decide", lambda: _decide(batch, bounced, decided, config))
    planned = batch.timed(
        "plan",
        lambda: plan.plan(
            batch,
            bounced.facts,
            suppressed,
            affected_persons,
            affected_identifiers,
            config,
            dead=bounced.dead,
            count=stitched.size,
        ),
    )
    delivered = batch.timed(
        "deliver",
        lambda: deliver(
            batch,
            suppressed,
            facts,
            identifiers_told(batch, stitched, affected_identifiers, named, closings),
            config,
            spoken=planned.records,
            targeted=planned.targeted,
            dead=bounced.dead,
            count=stitched.size,
            before_telling=before_telling,
        ),
    )
    persons = affected_persons.count()
    rows = max(counts.read_rows, counts.timeline_rows, persons)
    batch.is_small = rows <= FEW_ROWS and not counts.waiting_rows
    return {
        LINKS: stitched.links,
        LABELS: stitched.labels,
        IDENTITY_CHANGES: stitched.changes,
        TIMELINE_LOG: fresh,
        **({MESSAGE_KEYS: lives.keys} if lives else {}),
        WAITING: waiting,
        DUE: _falls_due(batch, suppressed, stitched, planned.due),
        **planned.outputs,
        **delivered,
        BATCHES: counted(batch, counts, anew, persons),
    }


def _hold_back(batch: Batch, arrived: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Events dated after the clock wait; those whose time has come since the last batch go on.

    What goes on leaves behind what no later step asks for; what waits keeps everything.
    """
    now = F.lit(batch.as_of)
    later = F.when(F.col("occurred_at") > now, F.struct("*")).alias("later")
    # In one go: reading five streams is the greater part of a small batch's work here.
    rows = batch.keep_input(arrived.select(*CARRIED, later))
    waiting = rows.where("later IS NOT NULL").select("later.*")
    ready = rows.where("later IS NULL").drop("later")
    since = batch.previous_as_of
    if since is not None and since < batch.as_of:
        due = (F.col("occurred_at") > F.lit(since)) & (F.col("occurred_at") <= now)
        ready = batch.keep(ready.unionByName(batch.read(WAITING).where(due).select(*CARRIED)))
    return ready, waiting


def _decide(batch: Batch, bounced: Bounced, persons: DataFrame, config: Config) -> DataFrame:
    """These persons' suppressions that hold now or will; what has ended decides nothing."""
    rules, caps = decide.needed_now(config)
    lines = orders.bought(bounced.facts, rules, config)
    products = batch.read(PRODUCTS)
    rows = decide.suppressions(
        bounced.facts,
        bounced.labels,
        products,
        lines,
        batch.read(CONTENTS),
        batch.read(CAMPAIGNS),
        rules=rules,
        caps=caps,
        currency=config.business.currency,
        time_zone=config.business.time_zone,
        keep=batch.keep,
        classes=decide.classes_of(bounced.facts) if batch.is_one_piece else None,
    )
    if rows is None:
        return small_frame(batch.lake.spark, [], SUPPRESSIONS.struct())
    open_ended = F.col("ends_at").isNull() | (F.col("ends_at") > F.lit(batch.as_of))
    return batch.keep(rows.where(open_ended).join(persons, "person_id", "left_semi"))


def _falls_due(
    batch: Batch, suppressed: DataFrame, stitched: Stitched, asked_again: DataFrame | None
) -> DataFrame:
    """What ends by itself from now on: suppressions, and links that are not seen again.

    And who is to be asked again once more of them is published.
    """
    due = decide.falls_due(suppressed, batch_id=batch.number, as_of=batch.as_of)
    if asked_again is not None:
        due = due.union(asked_again)
    if not stitched.expiries.num_rows:
        return due
    return due.union(batch.logs.frame(stitched.expiries))
