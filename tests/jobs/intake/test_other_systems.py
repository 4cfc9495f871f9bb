"""Segment, Shopify and SendGrid through whole runs: what they tell of one shop's customers."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tactful.jobs.commands.status import status
from tests import worlds
from tests.jobs.test_consent import DAY, MONDAY, config, rows
from tests.landing import World
from tests.product import Shop
from tests.properties.test_convergence import converge


@pytest.mark.faults
@pytest.mark.parametrize("seed", [2, 7, 12])
def test_what_three_systems_tell_is_what_the_oracle_understands(spark, tmp_path, seed):
    """Told in two batches, in any order, with much of it told again."""
    world = worlds.make(seed)
    theirs = ("esp", "cdp", "store")
    told = {
        **world.config, "sources": {name: world.config["sources"][name] for name in theirs},
    }  # fmt: skip
    alone = dataclasses.replace(
        world, config=told, events={name: world.events[name] for name in theirs}
    )
    converge(alone, 2, order=seed, folder=tmp_path)


def at(day: float) -> str:
    return datetime.fromtimestamp((MONDAY + day * DAY).timestamp(), UTC).isoformat()


def order(**more: Any) -> dict[str, Any]:
    line = {"id": 1, "product_id": 5, "sku": "jeans", "quantity": 1, "price": "60.00"}
    return {
        "id": 17, "order_number": 17, "created_at": at(0), "currency": "USD", "test": False,
        "financial_status": "paid", "email": "ann@mail.example", "customer": {"id": 4711},
        "line_items": [line], **more,
    }  # fmt: skip


def call(n: int, event: str, day: float, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": event, "messageId": f"call {n}", "timestamp": at(day),
        "anonymousId": "cookie", "context": {"traits": {"email": "ann@mail.example"}},
        "properties": properties,
    }  # fmt: skip


def mail(n: int, event: str, day: float, **more: Any) -> dict[str, Any]:
    return {
        "email": "ann@mail.example", "timestamp": int((MONDAY + day * DAY).timestamp()),
        "event": event, "sg_event_id": f"mail {n}", "sg_message_id": f"m{n}.filter", **more,
    }  # fmt: skip


def test_the_jeans_are_bought_at_shopify_and_offered_by_sendgrid_no_more(spark, tmp_path: Path):
    """She looked on the site (Segment), bought (Shopify) and was mailed all the same (SendGrid)."""
    told = config("opt_out")
    names = {"cdp": "segment", "store": "shopify", "esp": "sendgrid"}
    told["sources"] = {
        name: {"dialect": dialect, "path": f"landing/{name}"} for name, dialect in names.items()
    }
    told["suppress"] = [
        {"name": "bought_it", "when": "purchased", "match": "sku", "lasts": "14d"},
    ]  # fmt: skip
    told["destinations"] = [
        {"name": "exclude", "kind": "file", "policy": "bought_it", "identifiers": ["email"]},
    ]  # fmt: skip
    shop = Shop(World({}, told, [], MONDAY + 5 * DAY, MONDAY + 6 * DAY), tmp_path)
    first = {
        "cdp": [json.dumps(call(1, "Product Viewed", -1, sku="jeans")),
                json.dumps(call(2, "House Event", -1))],
        "store": [json.dumps(order())],
        "esp": [json.dumps([mail(1, "processed", 1), mail(2, "open", 1.1)])],
    }  # fmt: skip
    shop.land(first)
    run = shop.run()
    shop.assert_converged()
    assert (run.accepted_rows, run.quarantined_rows) == (5, 1)
    (held,) = [row for row in rows(shop.lake, "suppressions") if row["policy"] == "bought_it"]
    assert held["ends_at"] is not None and held["evidence"] == ["purchases:order/17/placed"]
    assert [row["operation"] for row in rows(shop.lake, "records")] == ["add"]
    unknown = status(shop.lake, config=shop.config())["refused"]["unknown_types"]
    assert [row["type"] for row in unknown["types"]] == ["House Event"]

    # The order comes again as it is sent back, told by the order and by the refund itself.
    refund = {"id": 9, "order_id": 17, "created_at": at(3), "refund_line_items": [
        {"line_item_id": 1, "quantity": 1, "subtotal": "60.00", "line_item": {"sku": "jeans"}}],
        "transactions": [{"kind": "refund", "status": "success", "amount": "60.00",
                          "currency": "USD"}]}  # fmt: skip
    later = order(refunds=[refund], financial_status="refunded", updated_at=at(3))
    shop.land({"store": [json.dumps(later), json.dumps(refund)]})
    again = shop.run()
    shop.assert_converged()
    assert (again.accepted_rows, again.duplicate_rows, again.quarantined_rows) == (1, 3, 0)
    (lifted,) = [row for row in rows(shop.lake, "suppressions") if row["policy"] == "bought_it"]
    assert lifted["lifted_by"] == "purchases:refund/9"
    assert sorted(row["operation"] for row in rows(shop.lake, "records")) == ["add", "remove"]
