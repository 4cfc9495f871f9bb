"""Sent by a run: from an event in a file to what the vendor holds, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tactful.jobs.demo.doubles import DOUBLES, SECRET, served
from tests.jobs.test_consent import DAY, MONDAY, config, rows
from tests.landing import World
from tests.product import Shop


def message(event: str, who: str, day: float, kind: str) -> str:
    told: dict[str, Any] = {
        "event_id": event, "type": kind, "message_id": f"m-{who}", "channel": "email",
        "occurred_at": (MONDAY + day * DAY).isoformat(), "purpose": "marketing",
        "identifiers": [{"type": "email", "value": f"{who}@mail.example"}],
    }  # fmt: skip
    return json.dumps(told)


def bought(event: str, who: str, day: float, kind: str = "order_placed") -> str:
    told: dict[str, Any] = {
        "event_id": event, "type": kind, "order_id": f"o-{who}", "currency": "EUR",
        "occurred_at": (MONDAY + day * DAY).isoformat(),
        "identifiers": [{"type": "email", "value": f"{who}@mail.example"}],
        "lines": [{"line_id": "1", "sku": "jeans", "quantity": 1, "unit_price": 50}],
    }  # fmt: skip
    return json.dumps(told)


# What says who opted out and who bought, who closed somebody there, and how yes and no read there.
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], str, str, dict, dict]] = {
    "sendgrid": (
        {"group_id": "7"}, {"field_id": "e1_T"}, "group", "group", {"e1_T": "yes"}, {"e1_T": "no"},
    ),
    "klaviyo": (
        {"suppresses": True, "channel": "email"}, {"identifiers": ["email"]},
        "UNSUBSCRIBE", "USER_SUPPRESSED", {"tactful_bought_it": True}, {"tactful_bought_it": False},
    ),
}  # fmt: skip


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_what_passes_is_an_attribute_and_what_was_refused_an_opt_out(
    spark, tmp_path, monkeypatch, kind
):
    """Ann opts out and comes back; Ben did at the vendor, too; Cleo buys, and sends it back."""
    monkeypatch.setenv("VENDOR", SECRET)
    opt_outs, buyers, theirs, ours, yes, no = KINDS[kind]
    double = DOUBLES[kind]()
    double.held["ben@mail.example"] = theirs
    with served(double) as url:
        told = config("opt_out")
        told["sources"] = {
            "esp": {"stream": "messages", "path": "landing/esp"},
            "till": {"stream": "purchases", "path": "landing/till"},
        }
        told["suppress"] = [
            {"name": "bought_it", "when": "purchased", "match": "sku", "lasts": "30d",
             "lifted_by": ["order_returned"]},
        ]  # fmt: skip
        http = {"kind": kind, "deliver": "http", "endpoint": url, "allow_private": True,
                "credential": "env:VENDOR"}  # fmt: skip
        told["destinations"] = [
            {"name": "opt_outs", "policy": "unsubscribed", **opt_outs, **http},
            {"name": "buyers", "policy": "bought_it", **buyers, **http},
        ]
        shop = Shop(World({}, told, [], MONDAY + 9 * DAY, MONDAY + 30 * DAY), tmp_path)
        shop.land({
            "esp": [message(f"u-{who}", who, 1, "unsubscribed") for who in ("ann", "ben")],
            "till": [bought("b", "cleo", 1)],
        })  # fmt: skip
        first = shop.run()
        assert double.held == {
            "ann@mail.example": ours, "ben@mail.example": theirs, "cleo@mail.example": yes,
        }  # fmt: skip
        assert first.sent["opt_outs"]["accepted"] == 1 and not first.untold
        shop.land({
            "esp": [message(f"s-{who}", who, 2, "subscribed") for who in ("ann", "ben")],
            "till": [bought("r", "cleo", 2, "order_returned")],
        })  # fmt: skip
        shop.run()
    assert double.held == {"ben@mail.example": theirs, "cleo@mail.example": no}
    assert not double.faults
    operations = [(row["destination"], row["operation"]) for row in rows(shop.lake, "records")]
    assert sorted(operations) == [
        ("buyers", "add"), ("buyers", "remove"),
        *[("opt_outs", "suppress")] * 2, *[("opt_outs", "unsuppress")] * 2,
    ]  # fmt: skip
    proofs = {row["consent_event"] for row in rows(shop.lake, "records")}
    assert proofs == {None, "messages:s-ann", "messages:s-ben"}, "by which each came back"
    assert {row["state"] for row in rows(shop.lake, "delivery_states")} == {"accepted"}
    # Klaviyo keeps what somebody did there apart from what was done by hand, and is not asked.
    states = sorted(row["state"] for row in rows(shop.lake, "delivery_rows"))
    assert states == (["closed_before", "kept_closed"] if kind == "sendgrid" else [])
