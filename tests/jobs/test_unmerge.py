"""Merged and parted again: what was said to whom, and what must not be, goes with who it is."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.test_closings import CONFIG
from tests.jobs.test_windows import ANN, BUYERS, DAY, SILENT, _names, row
from tests.landing import World
from tests.oracle.compare import read_tables
from tests.product import Shop
from tests.worlds import AS_OF

OLD, NEW = ("email", "ann@x.io"), ("email", "new@x.io")
CAP = {
    "name": "weekly", "channels": ["email"], "purposes": ["marketing"], "limit": 5, "window": "7d",
}  # fmt: skip


def sent(days: int, number: int, who: tuple[str, str]) -> dict:
    return row(-days, "sent", who, message_id=f"m{number}", channel="email", purpose="marketing")


def test_who_was_left_alone_is_so_with_all_she_is_known_by(spark, tmp_path: Path) -> None:
    """Ann, whom nothing forbids to write to, turns out to be who said no by another address.

    Then it was a mistake: each has her own again, and destinations hear of it.
    """
    lines = [{"sku": "jeans", "quantity": 1, "unit_price": 50}]
    first = {
        "web": [row(-9, "login", ANN, OLD)],
        "till": [row(-2, "order_placed", NEW, order_id="o1", lines=lines)],
        "mail": [
            sent(6, 1, OLD), sent(5, 2, NEW), sent(4, 3, NEW),
            # Both systems tell of one message.
            row(-5, "delivered", NEW, message_id="m2", channel="email"),
            row(-3, "unsubscribed", NEW, channel="email"),
        ],
    }  # fmt: skip
    merged = {"web": [row(-1, "form_submit", ANN, NEW)]}
    parted = {"crm": [row(0, "never_link", ANN, NEW, author="desk", reason="her sister")]}
    config = {
        **CONFIG,
        "sources": {**CONFIG["sources"], "till": {"stream": "purchases", "path": "landing/till"}},
        "suppress": [{"name": "bought_it", "when": "purchased", "match": "sku", "lasts": "30d"}],
        "caps": [CAP],
        "destinations": [BUYERS, SILENT],
    }
    shop = Shop(World({}, config, [], AS_OF, AS_OF + 60 * DAY), tmp_path)
    told = []
    shop.land(first)
    shop.decide()
    assert held(shop) == {"silent": ["new@x.io"], "buyers": ["new@x.io"]}
    for batch in (merged, parted):
        shop.land(batch)
        shop.publish()
        told.append(told_of(shop))
    apart = {
        "silent": ["new@x.io"], "buyers": ["new@x.io"],
        "unsubscribed": ["new@x.io"], "bought_it": ["new@x.io"], "pressure": {"ann": 1, NEW[1]: 2},
        "revenue": {"ann": 0, NEW[1]: 50},
    }  # fmt: skip
    whole = ["ann", "ann@x.io", "new@x.io"]
    assert told[0] == {
        "silent": whole, "buyers": whole, "unsubscribed": ["ann"], "bought_it": ["ann"],
        "pressure": {"ann": 3}, "revenue": {"ann": 50},
    }  # fmt: skip
    assert told[1] == apart
    changes = read_tables(shop.lake, ["identity_changes"])["identity_changes"]
    assert [(c["kind"], c["rule"]) for c in sorted(changes, key=lambda c: c["batch_id"])] == [
        ("merge", "linked"),
        ("split", "never_link"),
    ]
    # What a destination was told in turn: nothing twice, and everything taken back.
    said = {}
    for one in sorted(
        read_tables(shop.lake, ["records"])["records"], key=lambda one: one["batch_id"]
    ):
        for key in one["identifier_keys"]:
            said.setdefault((one["destination"], key), []).append(one["operation"])
    names = named(shop)
    assert {(at, names[key]): tuple(ops) for (at, key), ops in said.items()} == {
        (at, name): ("add",) if name == NEW[1] else ("add", "remove")
        for at in ("buyers", "silent")
        for name in whole
    }


def named(shop: Shop) -> dict[str, str]:
    known = read_tables(shop.lake, ["identifiers"])["identifiers"]
    return {one["identifier_key"]: one["value"] for one in known}


def held(shop: Shop) -> dict[str, list[str]]:
    return {at: sorted(_names(shop, at)) for at in ("silent", "buyers")}


def told_of(shop: Shop) -> dict:
    """Whom destinations hold, and whose the rows of the tables are, each by her best identifier."""
    tables = read_tables(shop.lake, ["identity", "suppressions", "pressure", "customers"])
    names = named(shop)
    called = {}
    for one in sorted(
        tables["identity"], key=lambda one: (one["identifier_type"], names[one["identifier_key"]])
    ):
        called.setdefault(one["person_id"], names[one["identifier_key"]])
    return {
        **held(shop),
        **{
            policy: [
                called[r["person_id"]] for r in tables["suppressions"] if r["policy"] == policy
            ]
            for policy in ("unsubscribed", "bought_it")
        },
        "pressure": {called[r["person_id"]]: r["counted"] for r in tables["pressure"]},
        "revenue": {called[r["person_id"]]: int(r["revenue_total"]) for r in tables["customers"]},
    }
