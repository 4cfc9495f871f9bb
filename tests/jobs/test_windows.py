"""Windows: a link that is not seen again ends by itself; a new sighting heals what it parted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.test_closings import CONFIG
from tests.landing import World
from tests.oracle.compare import read_tables
from tests.product import Shop
from tests.worlds import AS_OF

DAY = timedelta(days=1)
KINDS = ["customer_id", "email", "device_id"]
BUYERS = {"name": "buyers", "kind": "file", "policy": "bought_it", "identifiers": KINDS}
SILENT = {"name": "silent", "kind": "file", "policy": "unsubscribed", "identifiers": KINDS}
ANN, MAIL = ("customer_id", "ann"), ("email", "ann@x.io")
BEN, HIS, OLD = ("customer_id", "ben"), ("email", "ben@x.io"), ("device_id", "old")
PHONE, TABLET = ("device_id", "phone"), ("device_id", "tablet")


def row(days: int, type_: str, *ids: tuple[str, str], **said: Any) -> dict[str, Any]:
    return {
        "event_id": f"{type_} {days} {ids[-1][1]}",
        "type": type_,
        "occurred_at": (AS_OF + days * DAY).isoformat(),
        "identifiers": [{"type": kind, "value": value} for kind, value in ids],
        **said,
    }


@pytest.mark.faults
def test_a_link_ends_by_itself_and_heals(spark, tmp_path: Path) -> None:
    """Ann's phone is hers for two days at a time, and what is told of it goes and comes back.

    Ben said no by his phone while it was his: when that link has ended, he is still left alone.
    """
    lines = [{"sku": "jeans", "quantity": 1, "unit_price": 50}]
    first = {
        "web": [
            row(-1, "login", ANN, PHONE), row(-1, "login", ANN, TABLET), row(-2, "login", BEN, HIS),
            row(-1, "app_open", BEN, OLD),
        ],
        "till": [row(-1, "order_placed", ANN, order_id="o1", lines=lines)],
        # Who they are, nobody knows yet.
        "mail": [
            row(-1, "unsubscribed", MAIL, channel="email"),
            row(0, "unsubscribed", OLD, channel="email"),
        ],
    }  # fmt: skip
    again = {"web": [row(3, "login", ANN, PHONE), row(3, "form_submit", ANN, MAIL)]}
    config = {
        **CONFIG,
        "sources": {**CONFIG["sources"], "till": {"stream": "purchases", "path": "landing/till"}},
        "identity": {"types": {"device_id": {"window": "2d"}}},
        "suppress": [{"name": "bought_it", "when": "purchased", "match": "sku", "lasts": "30d"}],
        "destinations": [BUYERS, SILENT],
    }
    shop = Shop(World({}, config, [], AS_OF, AS_OF + 60 * DAY), tmp_path)
    told = {}
    for days, batch in ((0, first), (2, None), (4, again)):
        if batch:
            shop.land(batch)
        shop.decide(AS_OF + days * DAY)
        told[days] = {at: sorted(_names(shop, at)) for at in ("buyers", "silent")}
    shop.publish(AS_OF + 4 * DAY)
    ben = ["ben", "ben@x.io", "old"]
    assert told[0] == {"buyers": ["ann", "phone", "tablet"], "silent": ["ann@x.io", *ben]}
    assert told[2] == {"buyers": ["ann"], "silent": ["ann@x.io", *ben]}
    whole = ["ann", "ann@x.io", "phone"]
    assert told[4] == {"buyers": whole, "silent": sorted([*whole, *ben])}
    # One opt-out of each, and Ann's covers all that she is known by now.
    suppressions = read_tables(shop.lake, ["suppressions"])["suppressions"]
    assert len([row for row in suppressions if row["policy"] == "unsubscribed"]) == 2


def _names(shop: Shop, destination: str) -> set[str]:
    known = read_tables(shop.lake, ["identifiers"])["identifiers"]
    values = {row["identifier_key"]: row["value"] for row in known}
    return {values[key] for at, key in shop.held() if at == destination}
