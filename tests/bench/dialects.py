"""What another system's form costs, beside canonical rows of the same facts.

SendGrid's arrays and a house's own names beside messages, Segment's calls beside clicks, Shopify's
orders and an export with a row for each line beside orders.

Reading and checking alone (`parse`), from rows in memory to nowhere. Prints seconds per 100,000
events, by the clock and of the processor (which tells more where other programs run beside), the
medians of some repetitions in turn, and the ratios.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
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


ORDER_ROWS = {
    "event_id": "concat('shop/', Name)",
    "type": "'order_placed'",
    "occurred_at": "`Created at`",
    "order_id": "Name",
    "currency": "Currency",
    "identifiers": {"email": "Email"},
    "line": {
        "sku": "`Lineitem sku`",
        "quantity": "`Lineitem quantity`",
        "unit_price": "`Lineitem price`",
    },
}


class Spent(NamedTuple):
    """Seconds that something took."""

    clock: float
    processor: float


class Form(NamedTuple):
    """Rows of a dialect, how many events they are, and the canonical rows to hold them against."""

    dialect: str
    beside: str
    events: int
    rows: DataFrame
    stream: str = "messages"
    reading: Mapping[str, Any] | None = None


def main(events: int = 100_000, repetitions: int = 3, only: str = "") -> None:
    """Measure all forms, in turn. only: the names of some, with commas between."""
    spark = open_session()
    forms = {
        name: form
        for name, form in all_forms(spark, events).items()
        if not only or name in only.split(",") or name.startswith("canonical")
    }
    took: dict[str, list[Spent]] = {name: [] for name in forms}
    for number in range(repetitions + 1):
        for name, form in forms.items():
            spent = parsed(spark, form)
            if number:  # The first time is the compiler's.
                took[name].append(spent)
    print("## Other systems' forms")
    print()
    print("| dialect | seconds per 100,000 events | to canonical | of processor | to canonical |")
    print("|---|---|---|---|---|")
    for name, form in forms.items():
        cells = [name]
        for kind in range(len(Spent._fields)):
            base = median(spent[kind] for spent in took[form.beside]) / forms[form.beside].events
            mine = median(spent[kind] for spent in took[name]) / form.events
            cells += [f"{mine * 100_000:.2f}", f"{mine / base:.2f}"]
        print(f"| {' | '.join(cells)} |")


def all_forms(spark: SparkSession, events: int) -> dict[str, Form]:
    told = [*facts(events)]
    posts = [told[at : at + POSTED] for at in range(0, events, POSTED)]
    calls = [segment(event) for event in told]
    orders = [*map(order, told[: events // 4])]
    count = len(orders)
    mails, visits, bought = "canonical messages", "canonical visits", "canonical orders"

    def of(rows: Iterable[Any]) -> DataFrame:
        return landed(spark, [*map(json.dumps, rows)])

    return {
        mails: Form("canonical", mails, events, of(map(canonical, told))),
        "sendgrid": Form("sendgrid", mails, events, of(posts)),
        "mapped": Form("mapped", mails, events, of(told), reading={"fields": FIELDS}),
        visits: Form("canonical", visits, events, of(map(visit, calls)), "clicks"),
        "segment": Form("segment", visits, events, of(calls)),
        bought: Form("canonical", bought, count, of(orders), "purchases"),
        # An order is placed and paid.
        "shopify": Form("shopify", bought, 2 * count, of(map(shopify, orders))),
        "mapped, a row a line": Form(
            "mapped", bought, count, of(row for one in orders for row in order_rows(one)),
            "purchases", {"fields": ORDER_ROWS, "one_event_by": "Name"},
        ),
    }  # fmt: skip


def landed(spark: SparkSession, lines: list[str]) -> DataFrame:
    """Rows as `land` reads them, in memory."""
    rows = spark.createDataFrame([(line,) for line in lines], "value string").repartition(2)
    full = rows.selectExpr("value", "'file:///x' AS file", "timestamp'2026-03-03' AS modified_at")
    kept = full.cache()
    kept.count()
    return kept


def parsed(spark: SparkSession, form: Form) -> Spent:
    dialect, more = DIALECTS[form.dialect], dict(form.reading or {})
    if dialect.is_keyed:
        pads = [hmac_pads(b"a secret of this bench")]
        more["pads"] = spark.createDataFrame(pads, "inner binary, outer binary")
    started, worked = time.monotonic(), processor_seconds(spark)
    named = None if dialect.streams else form.stream
    found = dialect.parse(form.rows, stream=named, source_name="mail", **ABOUT, **more)
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


def order(event: dict[str, Any]) -> dict[str, Any]:
    """An order of the same person, in Tactful's own form."""
    number = event["timestamp"]
    return {
        "event_id": f"order/{number}/placed", "type": "order_placed", "occurred_at": event["at"],
        "identifiers": [{"type": "customer_id", "value": event["customer_id"]},
                        {"type": "email", "value": event["email"]}],
        "order_id": str(number), "place": "online", "currency": "EUR", "name": f"#{number}",
        "cart_token": event["sg_event_id"], "landing_site": event["url"], "coupons": ["SPRING"],
        "lines": [{"line_id": f"{number}{n}", "sku": f"sku{(number + n) % 977}", "quantity": n + 1,
                   "unit_price": "59.90", "discount": "1.00"} for n in range(2)],
    }  # fmt: skip


def shopify(order: dict[str, Any]) -> dict[str, Any]:
    """The same as the body of a webhook."""
    customer, email = (one["value"] for one in order["identifiers"])
    address = {"first_name": "Ann", "last_name": "Hall", "address1": "1 High Street", "zip": "E1",
               "city": "London", "country": "United Kingdom", "country_code": "GB"}  # fmt: skip
    return {
        "id": int(order["order_id"]), "name": order["name"], "order_number": order["order_id"],
        "admin_graphql_api_id": f"gid://shopify/Order/{order['order_id']}", "email": email,
        "created_at": order["occurred_at"], "processed_at": order["occurred_at"],
        "updated_at": order["occurred_at"], "currency": "EUR", "financial_status": "paid",
        "total_price": "178.70", "subtotal_price": "178.70", "total_tax": "0.00", "test": False,
        "source_name": "web", "landing_site": order["landing_site"], "refunds": [],
        "cart_token": order["cart_token"], "fulfillments": [], "note_attributes": [],
        "discount_codes": [{"code": "SPRING", "amount": "2.00", "type": "fixed_amount"}],
        "customer": {"id": customer, "email": email, "default_address": address},
        "billing_address": address, "shipping_address": address,
        "line_items": [{
            "id": line["line_id"], "product_id": 7, "variant_id": 8, "sku": line["sku"],
            "title": "Blue jeans", "name": "Blue jeans - 32", "vendor": "Shop", "taxable": True,
            "quantity": line["quantity"], "price": line["unit_price"], "total_discount": "0.00",
            "discount_allocations": [{"amount": line["discount"]}], "properties": [],
        } for line in order["lines"]],
    }  # fmt: skip


def order_rows(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same as a row for each of its lines, of which the first alone tells who bought."""
    first = {"Email": order["identifiers"][1]["value"], "Created at": order["occurred_at"],
             "Currency": "EUR", "Landing site": order["landing_site"]}  # fmt: skip
    for number, line in enumerate(order["lines"]):
        about = first if number == 0 else dict.fromkeys(first, "")
        yield {"Name": order["name"], **about, "Lineitem sku": line["sku"], "Lineitem price":
               line["unit_price"], "Lineitem quantity": str(line["quantity"])}  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
