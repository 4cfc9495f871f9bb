"""What another system's form costs: SendGrid's arrays beside canonical rows of the same facts.

Reading and checking alone (`parse`), from rows in memory to nowhere. Prints seconds per 100,000
events, the median of some repetitions in turn, and the ratio.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import typer
from pyspark.sql import DataFrame, SparkSession

from tactful.jobs.session import open_session
from tactful.transforms.sources import DIALECTS

START = datetime(2026, 3, 2, tzinfo=UTC)
KINDS = {
    "processed": "sent", "delivered": "delivered", "open": "opened", "click": "clicked",
}  # fmt: skip
# As many bytes as the vendor posts at once hold some thousand events; files of less are usual.
POSTED = 100
ABOUT = {"max_row_bytes": 1_000_000, "max_skew": timedelta(days=9999)}


def main(events: int = 100_000, repetitions: int = 3) -> None:
    """Measure both forms, in turn."""
    spark = open_session()
    told = [*facts(events)]
    posts = [told[at : at + POSTED] for at in range(0, events, POSTED)]
    forms = {
        "canonical": landed(spark, [json.dumps(canonical(event)) for event in told]),
        "sendgrid": landed(spark, [json.dumps(post) for post in posts]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    for number in range(repetitions + 1):
        for name, rows in forms.items():
            took = parsed(name, rows)
            if number:  # The first time is the compiler's.
                seconds[name].append(took)
    print("## Other systems' forms")
    print()
    print("| dialect | seconds per 100,000 events | to canonical |")
    print("|---|---|---|")
    base = statistics.median(seconds["canonical"])
    for name, each in seconds.items():
        median = statistics.median(each)
        every = ", ".join(f"{took:.2f}" for took in each)
        print(f"| {name} | {median * 100_000 / events:.2f} ({every}) | {median / base:.2f} |")


def landed(spark: SparkSession, lines: list[str]) -> DataFrame:
    """Rows as `land` reads them, in memory."""
    rows = spark.createDataFrame([(line,) for line in lines], "value string").repartition(2)
    full = rows.selectExpr("value", "'file:///x' AS file", "timestamp'2026-03-03' AS modified_at")
    kept = full.cache()
    kept.count()
    return kept


def parsed(name: str, rows: DataFrame) -> float:
    stream = None if DIALECTS[name].streams else "messages"
    started = time.monotonic()
    found = DIALECTS[name].parse(rows, stream=stream, source_name="mail", **ABOUT)
    found.write.format("noop").mode("overwrite").save()
    return time.monotonic() - started


def facts(events: int) -> Iterator[dict[str, Any]]:
    """Events of emails to customers, as SendGrid posts them."""
    kinds = [*KINDS]
    for n in range(events):
        mail, at = n // 4, START + timedelta(seconds=n)
        yield {
            "email": f"person{mail % 50_000}@mail.example",
            "timestamp": int(at.timestamp()),
            "smtp-id": f"<14c5d75ce93.{mail:x}.64b469@ismtpd-555>",
            "event": kinds[n % 4],
            "category": ["jeans", "spring"],
            "sg_event_id": f"ZGVsaXZlcmVkLTAtMzQ5NzM2NTctc0JqT3ctUXZRY3FW{n:08d}",
            "sg_message_id": f"sBjOw-QvQcqVe-g{mail:08d}.filterdrecv-5645d9c87f-7nxxk-1-5F.0",
            "ip": "255.255.255.255",
            "useragent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
            "url": f"https://shop.example/jeans/{mail % 977}?utm_source=mail",
            "sg_machine_open": n % 8 == 2,
            "asm_group_id": 7,
            "customer_id": f"c{mail % 50_000}",
            "campaign_id": "spring",
            "decision_id": f"d{mail:08d}",
        }


def canonical(event: dict[str, Any]) -> dict[str, Any]:
    """The same in Tactful's own form, with the same left over."""
    left = ("smtp-id", "category", "ip", "useragent", "url", "sg_machine_open", "asm_group_id",
            "decision_id")  # fmt: skip
    ids = {"email": event["email"], "customer_id": event["customer_id"]}
    return {
        "event_id": event["sg_event_id"],
        "type": KINDS[event["event"]],
        "occurred_at": datetime.fromtimestamp(event["timestamp"], UTC).isoformat(),
        "identifiers": [{"type": kind, "value": value} for kind, value in ids.items()],
        "message_id": event["sg_message_id"],
        "channel": "email",
        "purpose": "marketing",
        "campaign_id": event["campaign_id"],
        "topic": event["category"][0],
        "machine_open": event["sg_machine_open"] if event["event"] == "open" else None,
        **{name: event[name] for name in left},
    }


if __name__ == "__main__":
    typer.run(main)
