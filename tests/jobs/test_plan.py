"""What is said next to whom: from what happened to the record in the outbox."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema

from tests.landing import World
from tests.oracle.compare import read_tables
from tests.product import Shop

# A Wednesday; New York is four hours behind.
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOURCES = {
    "web": {"stream": "clicks", "path": "landing/web"},
    "till": {"stream": "purchases", "path": "landing/till"},
    "mail": {"stream": "messages", "path": "landing/mail"},
    "crm": {"stream": "profiles", "path": "landing/crm"},
}
LIVE = {"mode": "live", "starts_at": "2026-01-01T00:00:00Z"}
CONFIG: dict[str, Any] = {
    "sources": SOURCES,
    "reference": {
        "products": {"format": "json", "path": "reference/products"},
        "contents": {"format": "json", "path": "reference/contents"},
    },
    "caps": [
        {"name": "weekly", "channels": ["email"], "limit": 2, "window": "7d"},
    ],
    "suppress": [
        {"name": "bought_it", "when": "purchased", "match": "sku", "lasts": "30d"},
    ],
    "activate": [
        {"name": "cart", "when": "cart_abandoned", "after": "4h", "channels": ["email"],
         "priority": 70, "content_id": "cart_mail", **LIVE},
        {"name": "texts", "when": "cart_abandoned", "after": "4h", "channels": ["sms"],
         "priority": 20, "expires": "10h", **LIVE},
        {"name": "trial", "when": "cart_abandoned", "after": "1h", "channels": ["email"]},
        {"name": "back", "when": "win_back", "after": "30d", "channels": ["email"],
         "priority": 10, "expires": "60d", **LIVE},
    ],
    "destinations": [
        {"name": "mailer", "kind": "file", "policy": "cart"},
        {"name": "texter", "kind": "file", "policy": "texts", "channel": "sms"},
        {"name": "backs", "kind": "file", "policy": "back"},
        {"name": "silent", "kind": "file", "policy": "unsubscribed"},
    ],
}  # fmt: skip
PRODUCTS = [
    {"sku": "jeans", "category": "trousers", "brand": "b", "price": 50, "name": "Blue jeans",
     "url": "https://shop.example/jeans"},
]  # fmt: skip
CONTENTS = [{"content_id": "cart_mail", "stands_for": {"file": "template-7"}}]


def row(who: str, hours: float, type_: str, **said: Any) -> dict[str, Any]:
    return {
        "event_id": f"{who} {type_} {hours}",
        "type": type_,
        "occurred_at": (NOON + hours * HOUR).isoformat(),
        "identifiers": [{"type": "email", "value": f"{who}@x.io"}],
        **said,
    }


def agrees(who: str) -> dict[str, Any]:
    return row(who, -1000, "consent_granted", purpose="marketing")


def carts(*names: str, hours: float = 0) -> list[dict[str, Any]]:
    return [row(who, hours, "add_to_cart", sku="jeans") for who in names]


def sent_lines(shop: Shop, destination: str) -> list[dict[str, Any]]:
    files = sorted((shop.lake / "outbox" / destination).glob("*-send.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def activations(shop: Shop) -> dict[tuple[str, str], dict[str, Any]]:
    """By whose address and policy."""
    tables = read_tables(shop.lake, ["activations", "identifiers", "identity"])
    persons = {r["identifier_key"]: r["person_id"] for r in tables["identity"]}
    who = {
        persons[r["identifier_key"]]: r["value"].removesuffix("@x.io")
        for r in tables["identifiers"]
        if r["identifier_type"] == "email"
    }
    return {(who[r["person_id"]], r["policy"]): r for r in tables["activations"]}


def test_from_the_cart_to_the_record(spark, tmp_path: Path) -> None:
    lines = [{"sku": "mat", "quantity": 1, "unit_price": 50}]
    first = {
        "web": carts("ann", "bea", "cat", "dan", "eve"),
        "crm": [agrees(who) for who in ("ann", "bea", "cat", "dan")],
        "till": [row("dan", -24 * 30 + 5, "order_placed", order_id="o1", lines=lines)],
    }
    second = {
        "till": [row("bea", 2, "order_placed", order_id="o2", lines=lines)],
        "mail": [row("cat", 2, "unsubscribed", channel="email", message_id="m")],
    }
    world = World({}, CONFIG, PRODUCTS, NOON, NOON + 200 * HOUR, contents=CONTENTS)
    shop = Shop(world, tmp_path)
    shop.land(first)
    shop.run(as_of=NOON + HOUR)
    planned = activations(shop)
    for who in ("ann", "bea", "cat", "dan"):
        told = planned[who, "cart"]
        assert (told["outcome"], told["send_at"]) == ("chosen", NOON + 4 * HOUR), who
        assert (told["skus"], told["content_id"]) == (["jeans"], "cart_mail")
    assert planned["eve", "cart"]["outcome"] == "suppressed"
    assert planned["eve", "cart"]["reason"] == "no_consent"
    assert planned["ann", "texts"]["reason"] == "no_address"
    # Dan's long silence is told of a day later: the cart has the place.
    back = planned["dan", "back"]
    assert (back["outcome"], back["reason"]) == ("lost", "min-gap")
    assert back["lost_to"] == [planned["dan", "cart"]["activation_id"]]
    assert sent_lines(shop, "mailer") == []

    shop.land(second)
    shop.run(as_of=NOON + 3 * HOUR)
    planned = activations(shop)
    assert planned["bea", "cart"]["outcome"] == "withdrawn"
    assert planned["bea", "cart"]["reason"] == "order_placed"
    assert (planned["cat", "cart"]["outcome"], planned["cat", "cart"]["reason"]) == (
        "withdrawn", "unsubscribed",
    )  # fmt: skip

    shop.run(as_of=NOON + 5 * HOUR)
    told = {line["address"]: line for line in sent_lines(shop, "mailer")}
    assert sorted(told) == ["ann@x.io", "dan@x.io"]
    schema = Path(__file__).parents[1] / "golden/send_record.schema.json"
    for line in told.values():
        jsonschema.validate(line, json.loads(schema.read_text()))
    ann = told["ann@x.io"]
    assert ann["products"] == [
        {"sku": "jeans", "name": "Blue jeans", "price": 50.0, "url": "https://shop.example/jeans"}
    ]
    assert (ann["template"], ann["content_id"], ann["channel"]) == (
        "template-7", "cart_mail", "email",
    )  # fmt: skip
    assert ann["send_at"] == "2026-06-03T17:00:00Z"
    assert ann["not_after"] == "2026-06-10T16:00:00Z"
    decisions = read_tables(shop.lake, ["decisions"])["decisions"]
    assert len({r["decision_id"] for r in decisions}) == len(decisions)
    assert ann["decision_id"] in {r["decision_id"] for r in decisions if r["outcome"] == "chosen"}

    # Nothing twice; and Dan is told of the long silence when a day is over.
    shop.run(as_of=NOON + 6 * HOUR)
    assert len(sent_lines(shop, "mailer")) == 2
    shop.run(as_of=NOON + 26 * HOUR)
    assert [line["address"] for line in sent_lines(shop, "backs")] == ["dan@x.io"]
    assert len(sent_lines(shop, "mailer")) == 2
