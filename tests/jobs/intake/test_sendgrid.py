"""SendGrid's webhook through a whole run: what people say in an array is obeyed, and told once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tactful.jobs.commands.status import status
from tests.jobs.test_consent import DAY, MONDAY, config, rows
from tests.landing import World
from tests.product import Shop

SUPPRESSED = ("policy", "reason", "person_id", "channels", "evidence", "starts_at", "ends_at")


def said(event: str, who: str, day: float, **more: Any) -> dict[str, Any]:
    """An event about one of two mailings, both of one request to SendGrid."""
    return {
        "email": f"{who}@mail.example", "timestamp": int((MONDAY + day * DAY).timestamp()),
        "event": event, "sg_event_id": f"{event}-{who}", "smtp-id": "<x.y@ismtpd>",
        "sg_message_id": f"x.filter-1.{who}", "category": ["jeans"], "customer_id": who, **more,
    }  # fmt: skip


POSTED = [
    said("processed", "ann", 0), said("processed", "ben", 0), said("delivered", "ann", 0.1),
    said("open", "ann", 0.2, sg_machine_open=True), said("deferred", "ben", 0.1),
    said("unsubscribe", "ann", 1), said("bounce", "ben", 1, type="bounce", reason="550 no user"),
    said("dropped", "cleo", 1, reason="Bounced Address"),
    said("group_resubscribe", "ann", 2, asm_group_id=7),
]  # fmt: skip


def make_shop(folder: Path) -> Shop:
    told = config("opt_out")
    told["sources"] |= {"esp": {"dialect": "sendgrid", "path": "landing/esp"}}
    told["destinations"] = [
        {"name": "left", "kind": "file", "policy": "unsubscribed", "channel": "email"},
        {"name": "unreachable", "kind": "file", "policy": "bounced", "channel": "email"},
    ]
    return Shop(World({}, told, [], MONDAY + 20 * DAY, MONDAY + 30 * DAY), folder)


def seen(shop: Shop) -> dict[str, Any]:
    """What the lake says and told, but for when and in which batch."""
    suppressed = [
        {name: row[name] for name in SUPPRESSED} for row in rows(shop.lake, "suppressions")
    ]
    told = [(r["destination"], r["operation"], r["payload"]) for r in rows(shop.lake, "records")]
    events = [(row["stream"], row["event_id"]) for row in rows(shop.lake, "timeline")]
    return {"suppressions": suppressed, "records": sorted(told), "events": sorted(events)}


def test_an_unsubscription_in_an_array_is_obeyed_and_the_array_again_changes_nothing(
    spark, tmp_path: Path
) -> None:
    shop = make_shop(tmp_path)
    shop.land({"esp": [json.dumps(POSTED), json.dumps(POSTED)[:-9], "[]"]})
    first = shop.run()
    shop.assert_converged()
    counts = (first.read_rows, first.accepted_rows, first.duplicate_rows, first.quarantined_rows)
    assert counts == (len(POSTED) + 2, len(POSTED) - 1, 0, 3)
    before = seen(shop)
    found = {(row["reason"], *row["channels"], *row["evidence"]) for row in before["suppressions"]}
    # Nobody is unreachable because SendGrid did not send, nor open because of one group.
    assert found == {
        ("unsubscribed", "email", "messages:unsubscribe-ann"),
        ("bounced", "email", "messages:bounce-ben"),
    }
    assert {row["ends_at"] for row in before["suppressions"]} == {None}
    assert {(name, operation) for name, operation, _ in before["records"]} == {
        ("left", "add"), ("unreachable", "add"),
    }  # fmt: skip
    refused = status(shop.lake, config=shop.config())["refused"]
    assert {row["reason"]: row["rows"] for row in refused["reasons"]} == {
        "malformed_json": 1, "no_events": 1, "opens_one_group": 1,
    }  # fmt: skip
    assert [group["type"] for group in refused["closing"]["groups"]] == ["unsubscribed"]

    # Posted again, as the vendor says it may be: the events one by one this time, and as an array.
    shop.land({"esp": [json.dumps(list(reversed(POSTED))), *map(json.dumps, POSTED)]})
    again = shop.run()
    shop.assert_converged()
    assert (again.accepted_rows, again.duplicate_rows) == (0, 2 * (len(POSTED) - 1))
    assert again.read_rows == 2 * len(POSTED)
    assert seen(shop) == before
