"""What was learned of everybody: who is told what, and where, once it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from tactful.schemas.models import ALONE, ANY, COMPLEMENT, RESPONSE
from tests.jobs.test_plan import LIVE, SOURCES, lines, row
from tests.landing import World
from tests.oracle.compare import read_tables
from tests.product import Shop

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CONFIG: dict[str, Any] = {
    "sources": SOURCES,
    "reference": {"products": {"format": "json", "path": "reference/products"}},
    "value": {"valued_from": 100},
    "activate": [
        {"name": "cart", "when": "cart_abandoned", "after": "4h", "channels": ["email"],
         "switch_to": ["sms"], "priority": 70, "value": 10, **LIVE},
        {"name": "goes_with", "when": "complement", "after": "1d", "channels": ["email"],
         "expires": "60d"},
        {"name": "thanks", "when": "welcome", "on": ["order_placed"], "channels": ["email"],
         "expires": "90d", "where": "orders >= 1"},
    ],
    "destinations": [
        {"name": "mailer", "kind": "file", "policy": "cart", "channel": "email"},
        {"name": "texter", "kind": "file", "policy": "cart", "channel": "sms"},
    ],
}  # fmt: skip
PRODUCTS = [
    {"sku": "shoes", "category": "shoes"}, {"sku": "belt", "category": "belts"},
    {"sku": "hat", "category": "hats", "complements": ["scarf"]},
]  # fmt: skip
# Who got eight mails: of whom no opening was ever seen, of whom only machines', and who reads.
READERS = {"vera": None, "mia": True, "rob": False}


def mails(who: str, machine: bool | None) -> list[dict[str, Any]]:
    told = []
    for n in range(8):
        about = {"message_id": f"{who} {n}", "channel": "email", "campaign_id": "c"}
        hours = -24 * 40 + n
        told += [row(who, hours, "sent", **about), row(who, hours, "delivered", **about)]
        if machine is not None:
            told.append(row(who, hours, "opened", machine_open=machine, **about))
    return told


def buys(who: str, hours: float, *skus: str) -> dict[str, Any]:
    lines = [{"line_id": sku, "sku": sku, "quantity": 1, "unit_price": 150} for sku in skus]
    return row(who, hours, "order_placed", order_id=f"{who} {hours}", lines=lines)


def with_phone(told: dict[str, Any], number: int) -> dict[str, Any]:
    phone = {"type": "phone", "value": f"+336123456{number:02d}"}
    return {**told, "identifiers": [*told["identifiers"], phone]}


def planned_of(shop: Shop) -> dict[tuple[str, str, str], dict[str, Any]]:
    """By whose address, policy and channel."""
    tables = read_tables(shop.lake, ["_log/plans", "_log/labels", "identifiers"])
    names = {r["identifier_key"]: r["value"].removesuffix("@x.io") for r in tables["identifiers"]
             if r["identifier_type"] == "email"}  # fmt: skip
    labels = sorted(tables["_log/labels"], key=lambda r: r["batch_id"])
    owners = {r["identifier_key"]: r["person_id"] for r in labels}
    who = {owners[key]: name for key, name in names.items()}
    newest = sorted(tables["_log/plans"], key=lambda r: r["batch_id"])
    return {(who[owners[r["anchor_key"]]], r["policy"], r["channel"]): r for r in newest}


def decide(shop: Shop, hours: float) -> None:
    """A run that publishes nothing."""
    shop.run(as_of=NOON + hours * HOUR, steps=("land", "accept", "fused"))


def learned(shop: Shop) -> dict[tuple[str, str, str | None], dict[str, Any]]:
    rows = DeltaTable(str(shop.lake / "_log" / "models")).to_pyarrow_table().to_pylist()
    return {(r["model"], r["key"], r["other_key"]): r for r in rows}


@pytest.mark.faults
def test_learned_from_one_run_to_the_next(spark, tmp_path: Path) -> None:
    persons = [*READERS, *(f"other{n}" for n in range(6))]
    first = {
        "crm": [row(who, -1000, "consent_granted", purpose="marketing") for who in persons],
        "mail": [one for who, machine in READERS.items() for one in mails(who, machine)],
        "till": [
            *(buys(f"other{n}", -24 * 60, "shoes") for n in range(6)),
            *(buys(f"other{n}", -24 * 50, "belt") for n in range(6)),
            *(buys(f"alone{n}", -24 * 50, "hat") for n in range(20)),
            *(with_phone(buys(who, -24 * 20, "shoes"), n) for n, who in enumerate(READERS)),
        ],
    }
    world = World({}, CONFIG, PRODUCTS, NOON, NOON + 400 * HOUR)
    shop = Shop(world, tmp_path)
    shop.land(first)
    shop.run(as_of=NOON - HOUR)
    # Nothing is known yet of anybody, nor of what goes with shoes; of hats the shop says so itself.
    assert {tuple(r["skus"]) for r in planned_of(shop).values()} == {("scarf",)}
    told = learned(shop)
    assert {m["version"] for m in told.values()} == {1}
    assert told[RESPONSE, "email", ALONE]["events_count"] == 24
    assert told[COMPLEMENT, "shoes", "belt"]["events_count"] == 6
    assert told[COMPLEMENT, ANY, ALONE]["events_count"] == 29
    assert (COMPLEMENT, "belt", "shoes") not in told

    shop.land({"web": [row(who, 0, "add_to_cart", sku="hat") for who in READERS]})
    decide(shop, 1)
    planned = planned_of(shop)
    # Who did nothing since is asked again all the same, now that their orders are published.
    assert planned["other1", "thanks", "email"]["outcome"] == "chosen"
    for who in ("mia", "rob"):
        assert planned[who, "cart", "email"]["outcome"] == "chosen"
        assert (who, "cart", "sms") not in planned
    silent = planned["vera", "cart", "email"]
    assert (silent["outcome"], silent["reason"]) == ("suppressed", "unanswered")
    assert planned["vera", "cart", "sms"]["outcome"] == "chosen"
    rate = told[RESPONSE, "email", ALONE]["value"]
    assert planned["rob", "cart", "email"]["score"] == round(10 * round((8 + 10 * rate) / 18, 4), 4)
    # The belt goes with the shoes, as others have found; the hat's scarf the shop has named.
    assert planned["vera", "goes_with", "email"]["skus"] == ["belt"]
    # Who has the belt is not told of it.
    assert planned["other1", "goes_with", "email"]["outcome"] == "withdrawn"

    decide(shop, 5)
    assert [line["channel"] for line in lines(shop, "texter")] == ["sms"]
    assert [line["address"] for line in lines(shop, "mailer")] == ["mia@x.io"]
    # Who is used to read at noon is written to then.
    assert planned_of(shop)["rob", "cart", "email"]["send_at"] == NOON + 24 * HOUR
    # Whatever she does then, she is not told the same by mail.
    shop.land({"web": [row("vera", 5.5, "page_view")]})
    shop.run(as_of=NOON + 6 * HOUR)
    standing = planned_of(shop)["vera", "cart", "email"]
    assert (standing["outcome"], standing["reason"]) == ("suppressed", "unanswered")
    assert len(lines(shop, "mailer")) == 1 and len(lines(shop, "texter")) == 1
    # Not learned anew before it is time.
    assert {m["version"] for m in learned(shop).values()} == {1}
