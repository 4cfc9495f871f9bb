"""What another system's form costs, beside canonical rows of the same facts.

SendGrid's arrays beside messages; Segment's calls beside clicks and orders; a house's own names.

Reading and checking alone (`parse`), from rows in memory to nowhere. Prints seconds per 100,000
events, by the clock and of the processor (which tells more where other programs run beside), the
medians of some repetitions in turn, and the ratios.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import typer
from pyspark.sql import DataFrame, SparkSession

from tactful.jobs.session import open_session
from tactful.transforms.identity.keys import hmac_pads
from tactful.transforms.sources import DIALECTS

START = datetime(2026, 3, 2, tzinfo=UTC)
KINDS = {
    "processed": "sent", "delivered": "delivered", "open": "opened", "click": "clicked",
}  # fmt: skip
# As many bytes as the vendor posts at once hold some thousand events; files of less are usual.
POSTED = 100
ABOUT = {"max_row_bytes": 1_000_000, "max_skew": timedelta(days=9999)}


FIELDS = {
    "event_id": "sg_event_id",
    "type": "decode(event, 'processed', 'sent', 'open', 'opened', 'click', 'clicked', event)",
    "occurred_at": "at",
    "message_id": "sg_message_id",
    "channel": "'email'",
    "campaign_id": "campaign_id",
    "identifiers": {"email": "email", "customer_id": "customer_id"},
}


class Spent(NamedTuple):
    """Seconds that something took."""

    clock: float
    processor: float


def main(events: int = 100_000, repetitions: int = 3) -> None:
    """Measure both forms, in turn."""
    spark = open_session()
    told = [*facts(events)]
    posts = [told[at : at + POSTED] for at in range(0, events, POSTED)]
    calls = [segment(event) for event in told]
    visits = [visit(call) for call in calls]
    forms = {
        "canonical": ("canonical", landed(spark, [json.dumps(canonical(event)) for event in told])),
        "sendgrid": ("sendgrid", landed(spark, [json.dumps(post) for post in posts])),
        "mapped": ("mapped", landed(spark, [json.dumps(event) for event in told])),
        "canonical visits": ("canonical", landed(spark, [json.dumps(row) for row in visits])),
        "segment": ("segment", landed(spark, [json.dumps(call) for call in calls])),
    }
    took: dict[str, list[Spent]] = {name: [] for name in forms}
    for number in range(repetitions + 1):
        for name, (dialect, rows) in forms.items():
            spent = parsed(spark, dialect, rows, "clicks" if "visits" in name else "messages")
            if number:  # The first time is the compiler's.
                took[name].append(spent)
    print("## Other systems' forms")
    print()
    print("| dialect | seconds per 100,000 events | to canonical | of processor | to canonical |")
    print("|---|---|---|---|---|")
    for name, each in took.items():
        cells = [name]
        for kind in range(len(Spent._fields)):
            beside = took[
                "canonical visits" if name in ("segment", "canonical visits") else "canonical"
            ]
            mine, base = (median(s[kind] for s in spent) for spent in (each, beside))
            cells += [f"{mine * 100_000 / events:.2f}", f"{mine / base:.2f}"]
        print(f"| {' | '.join(cells)} |")


def landed(spark: SparkSession, lines: list[str]) -> DataFrame:
    """Rows as `land` reads them, in memory."""
    rows = spark.createDataFrame([(line,) for line in lines], "value string").repartition(2)
    full = rows.selectExpr("value", "'file:///x' AS file", "timestamp'2026-03-03' AS modified_at")
    kept = full.cache()
    kept.count()
    return kept


def parsed(spark: SparkSession, name: str, rows: DataFrame, stream: str) -> Spent:
    more: dict[str, Any] = {"fields": FIELDS} if DIALECTS[name].faults else {}
    if DIALECTS[name].is_keyed:
        pads = [hmac_pads(b"a secret of this bench")]
        more["pads"] = spark.createDataFrame(pads, "inner binary, outer binary")
    started, worked = time.monotonic(), processor_seconds(spark)
    named = None if DIALECTS[name].streams else stream
    found = DIALECTS[name].parse(rows, stream=named, source_name="mail", **ABOUT, **more)
    found.write.format("noop").mode("overwrite").save()
    return Spent(time.monotonic() - started, processor_seconds(spark) - worked)


def processor_seconds(spark: SparkSession) -> float:
    """What the JVM has used of the processors so far."""
    pid = spark._jvm.java.lang.ProcessHandle.current().pid()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def facts(events: int) -> Iterator[dict[str, Any]]:
    """Events of emails to customers, as SendGrid posts them."""
    kinds = [*KINDS]
    for n in range(events):
        mail, at = n // 4, START + timedelta(seconds=n)
        yield {
            "email": f"person{mail % 50_000}@mail.example",
            "timestamp": int(at.timestamp()),
            "at": at.isoformat(),
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


def segment(event: dict[str, Any]) -> dict[str, Any]:
    """A visit by the same person, as Segment's library for browsers tells it."""
    names = ("Product Viewed", "Product Viewed", "Product Added", "Products Searched")
    number = event["timestamp"] % 977
    return {
        "anonymousId": event["sg_message_id"][:30], "userId": event["customer_id"],
        "type": "track", "event": names[event["timestamp"] % 4], "messageId": event["sg_event_id"],
        "timestamp": event["at"], "receivedAt": event["at"], "sentAt": event["at"],
        "integrations": {}, "version": 2,
        "context": {
            "ip": event["ip"], "userAgent": event["useragent"], "locale": "en-US",
            "library": {"name": "analytics.js", "version": "2.11.1"},
            "page": {"path": "/jeans", "title": "Jeans", "url": event["url"], "search": ""},
            "traits": {"email": event["email"]},
        },
        "properties": {"sku": f"sku{number}", "category": "jeans", "name": "Blue jeans",
                       "price": 59.9, "currency": "USD", "position": 3},
    }  # fmt: skip


def visit(call: dict[str, Any]) -> dict[str, Any]:
    """The same in Tactful's own form, with the same left over."""
    types = {"Product Viewed": "product_view", "Product Added": "add_to_cart"}
    props, context = call["properties"], call["context"]
    ids = {"customer_id": call["userId"], "email": context["traits"]["email"],
           "anonymous_id": call["anonymousId"]}  # fmt: skip
    return {
        "event_id": call["messageId"], "type": types.get(call["event"], "search"),
        "occurred_at": call["timestamp"], "received_at": call["receivedAt"],
        "identifiers": [{"type": kind, "value": value} for kind, value in ids.items()],
        "sku": props["sku"], "category": props["category"], "url": context["page"]["url"],
        "place": "online", "name": props["name"], "price": props["price"],
        "currency": props["currency"], "position": props["position"], "ip": context["ip"],
        "userAgent": context["userAgent"], "locale": context["locale"],
        "library": context["library"], "page.title": "Jeans", "page.path": "/jeans",
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
