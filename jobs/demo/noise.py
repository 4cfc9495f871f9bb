"""What arrives is never clean: repeated, late, shuffled and malformed rows, planted on purpose."""

from __future__ import annotations

import json
from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.demo.draws import Dice
from tactful.schemas.events import TYPES, wide_columns

JSON_OPTIONS = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "timeZone": "UTC"}
REPEATED, LATE, REUSED = 0.01, 0.02, 0.0002
ONCE, AGAIN, CHANGED = "event", "duplicate", "id_reused"
OVERSIZED = 1_100_000
LINE = (
    "struct<line_id:string,sku:string,category:string,quantity:bigint,"
    "unit_price:decimal(18,2),discount:decimal(18,2),amount:decimal(18,2)>"
)


def rows(frames: dict[str, list[DataFrame]], *, at_once: int) -> DataFrame:
    """Turn every feed's events into raw lines: feed, type, event_id, occurred_at, value.

    All events get the same columns first, so that Spark writes JSON in one place for all.
    """
    fields = {column.name: column.type for column in wide_columns()}
    fields.update(page_test="string", lines=f"array<{LINE}>")
    wide = [_wide(events, feed, fields) for feed, parts in frames.items() for events in parts]
    together = reduce(DataFrame.union, wide).coalesce(at_once)
    value = F.to_json(F.struct(*fields), JSON_OPTIONS)
    return together.select("feed", "type", "event_id", "occurred_at", value.alias("value"))


def _wide(events: DataFrame, feed: str, fields: dict[str, str]) -> DataFrame:
    present = set(events.columns)
    columns = [
        f"`{name}`" if name in present else f"cast(null as {kind}) as `{name}`"
        for name, kind in fields.items()
    ]
    return events.selectExpr(f"'{feed}' as feed", *columns)


def landed(
    rows: DataFrame, *, files: dict[str, int], dice: Dice, start: datetime, end: datetime
) -> DataFrame:
    """Spread the lines over their feed's files: mostly by time, some late, some twice.

    Adds: file, turn (the shuffled order inside the file), kind (event, duplicate, id_reused).
    Keeps: feed, type, value.
    """
    key = ("feed", "event_id")
    parts = F.create_map(*(F.lit(one) for pair in files.items() for one in pair))[F.col("feed")]
    passed = F.unix_seconds("occurred_at") - int(start.timestamp())
    length = int(end.timestamp() - start.timestamp())
    by_time = F.greatest(F.floor(passed * parts / length).cast("int"), F.lit(0))
    last = (parts - 1).cast("int")
    share = dice.share("repeated", *key)
    kinds = (
        F.when(share < REPEATED, F.array(F.lit(ONCE), F.lit(AGAIN)))
        .when(share > 1 - REUSED, F.array(F.lit(ONCE), F.lit(CHANGED)))
        .otherwise(F.array(F.lit(ONCE)))
    )
    late = dice.chance(LATE, "late", *key, "kind")
    changed = F.concat(F.expr("left(value, length(value) - 1)"), F.lit(',"corrected":"yes"}'))
    return rows.select("*", F.explode(kinds).alias("kind")).select(
        "feed",
        "type",
        "kind",
        F.when(late, last).otherwise(F.least(by_time, last)).alias("file"),
        dice.number("turn", *key, "kind").alias("turn"),
        F.when(F.col("kind") == CHANGED, changed).otherwise(F.col("value")).alias("value"),
    )


def counting(feeds: dict[str, str]) -> list[Column]:
    """The counts that are taken while the lines are written, named feed|type or feed|kind."""
    counts = []
    for feed, stream in feeds.items():
        here = F.col("feed") == feed
        for name in TYPES[stream]:
            counted = here & (F.col("type") == name) & (F.col("kind") == ONCE)
            counts.append(F.count_if(counted).alias(f"{feed}|{name}"))
        for kind in (AGAIN, CHANGED):
            counts.append(F.count_if(here & (F.col("kind") == kind)).alias(f"{feed}|{kind}"))
    return counts


def malformed(
    spark: SparkSession, *, streams: dict[str, str], files: dict[str, int], dice: Dice
) -> tuple[DataFrame, dict[str, dict[str, int]]]:
    """Return the malformed lines, and how many each feed has by the reason they should get."""
    reasons: dict[str, dict[str, int]] = {}
    lines = []
    for feed, stream in streams.items():
        reasons[feed] = {}
        for nth, (reason, raw) in enumerate(_broken(feed, stream)):
            reasons[feed][reason] = reasons[feed].get(reason, 0) + 1
            lines.append((feed, reason, nth % files[feed], nth, bytearray(raw)))
    frame = spark.createDataFrame(lines, "feed string, type string, file int, nth int, raw binary")
    # One row is beyond any sensible size; made here, not carried through the plan.
    padding = F.concat(
        F.lit('"properties":{"blob":"'), F.repeat(F.lit("x"), F.lit(OVERSIZED)), F.lit('"}}')
    )
    text = F.col("raw").cast("string")
    whole = F.when(F.col("type") == "oversized", F.concat(text, padding)).otherwise(text)
    shuffled = dice.number("turn", "feed", "nth")
    broken = frame.select(
        "feed", "type", F.lit("malformed").alias("kind"), "file", shuffled.alias("turn"),
        whole.alias("value"),
    )  # fmt: skip
    return broken, reasons


def _broken(feed: str, stream: str) -> list[tuple[str, bytes]]:
    """Every way in which a row of this feed can be broken: (reason, raw line)."""
    kind = {"clicks": "page_view", "purchases": "order_placed", "messages": "sent",
            "profiles": "attribute_set", "service": "contact_opened"}[stream]  # fmt: skip
    good: dict[str, object] = {
        "event_id": f"{feed}-broken",
        "type": kind,
        "occurred_at": "2017-10-10T10:10:10.000Z",
        "source": "generated",
        "identifiers": [{"type": "email", "value": "nobody@example.com"}],
    }
    required = {"purchases": "order_id", "messages": "message_id"}.get(stream)
    if required:
        good[required] = f"{feed}-broken-1"

    def row(number: int, **change: object) -> bytes:
        made = {**good, "event_id": f"{feed}-broken-{number}", **change}
        return json.dumps({k: v for k, v in made.items() if v is not None}).encode()

    broken = [
        ("malformed_json", row(1)[:-20]),
        ("malformed_json", b"2017-10-10 10:10:10 ERROR upstream timed out"),
        ("missing:event_id", row(2, event_id=None)),
        ("missing:event_id", row(3, event_id="")),
        ("missing:type", row(4, type=None)),
        ("missing:occurred_at", row(5, occurred_at=None)),
        ("unknown_type", row(6, type="teleported")),
        ("wrong_type:identifiers", row(7, identifiers="nobody@example.com")),
        ("occurred_at_not_a_time", row(8, occurred_at="last Tuesday")),
        ("occurred_at_without_zone", row(9, occurred_at="2017-10-10T10:10:10")),
        ("occurred_at_at_epoch", row(10, occurred_at="1970-01-01T00:00:00.000Z")),
        ("occurred_at_in_future", row(11, occurred_at="2099-01-01T00:00:00.000Z")),
        ("invalid_utf8", row(12, page_test="caf?").replace(b"caf?", b"caf\xe9\xff")),
        ("occurred_at_without_zone,unknown_type",
         row(13, type="teleported", occurred_at="2017-10-10 10:10")),
    ]  # fmt: skip
    if required:
        broken.append((f"missing:{required}", row(14, **{required: None})))
    wrong = {
        "purchases": {"lines": [{"sku": "1", "quantity": "many", "amount": 1.0}]},
        "messages": {"machine_open": "perhaps"},
        "service": {"received_at": "soon"},
        "clicks": {"device": "a phone"},
    }.get(stream)
    if wrong:
        broken.append((f"wrong_type:{next(iter(wrong))}", row(15, **wrong)))
    if feed == "web":
        broken.append(("oversized", row(16)[:-1] + b","))
    return broken
