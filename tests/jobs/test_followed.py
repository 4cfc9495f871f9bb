"""Tables that follow what changed hold the same rows as tables that are made anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import deltalake
import pytest

from tactful.jobs import publish
from tests.landing import World
from tests.oracle.compare import assert_same, read_tables
from tests.product import Shop
from tests.worlds import AS_OF

DAY = timedelta(days=1)
LATER = AS_OF - timedelta(hours=1)
# A day's events hardly move them.
WAITING = {"identity_health", "left_out"}
CONFIG = {
    "lake": {"location": "lake", "secret": "env:TACTFUL_SECRET"},
    "sources": {
        name: {"stream": stream, "path": f"landing/{name}"}
        for name, stream in (
            ("web", "clicks"), ("shop", "purchases"), ("mail", "messages"), ("crm", "profiles"),
            ("desk", "service"),
        )
    },
    "suppress": [
        {"name": "bought_it", "when": "purchased", "match": "sku", "lasts": "90d"},
        {"name": "being_helped", "when": "service_open"},
    ],
    "caps": [{"name": "weekly", "limit": 2, "window": "7d"}],
}  # fmt: skip
Row = dict[str, Any]


def row(id_: str, type_: str, days: float, *who: str, **more: Any) -> Row:
    """An event so many days ago; who: type:value."""
    named = [dict(zip(("type", "value"), one.split(":"), strict=True)) for one in who]
    at = (AS_OF - days * DAY).isoformat()
    return {"event_id": id_, "type": type_, "occurred_at": at, "identifiers": named, **more}


def order(id_: str, days: float, *who: str, skus: tuple[str, ...] = ("jeans",), **more: Any) -> Row:
    lines = [{"line_id": str(n), "sku": sku, "quantity": 1, "unit_price": 50, "amount": 50}
             for n, sku in enumerate(skus)]  # fmt: skip
    return row(f"{id_} placed {days}", "order_placed", days, *who, order_id=id_, currency="GBP",
               lines=lines, **more)  # fmt: skip


def back(id_: str, days: float, *who: str, type_: str = "order_returned", **more: Any) -> Row:
    return row(f"{id_} {type_} {days}", type_, days, *who, order_id=id_, **more)


def mail(id_: str, type_: str, days: float, *who: str, **more: Any) -> Row:
    return row(f"{id_} {type_} {days}", type_, days, *who, message_id=id_, channel="email", **more)


QUIET = {
    "web": [row("quiet view", "page_view", 3, "customer_id:quiet")],
    "shop": [order("quiet order", 9, "customer_id:quiet")],
}
# What stood in the lake, and what came then: a customer each, told apart by their names.
STORIES: dict[str, tuple[dict[str, list[Row]], dict[str, list[Row]]]] = {
    "a cookie becomes a customer's": (
        {"web": [row("seen", "page_view", 5, "anonymous_id:c1"),
                 row("it's \\seen", "product_view", 4, "anonymous_id:c1", sku="jeans")],
         "shop": [order("ann's", 8, "customer_id:ann")]},
        {"web": [row("ann in", "login", 1, "customer_id:ann", "anonymous_id:c1")]},
    ),
    "a late order comes before one that was known": (
        {"shop": [order("bob's", 5, "customer_id:bob")],
         "mail": [mail("m bob", "sent", 7, "customer_id:bob", skus=["socks"])]},
        {"shop": [order("bob's late", 6, "customer_id:bob", skus=("socks",))]},
    ),
    "an order turns out to be somebody else's": (
        {"shop": [order("who's", 5, "customer_id:cal")]},
        {"shop": [order("who's", 6, "customer_id:dot")]},
    ),
    "goods come back by number alone": (
        {"shop": [order("eve's", 40, "customer_id:eve", skus=("jeans", "belt"))]},
        {"shop": [back("eve's", 2, line_id="1")]},
    ),
    "a return waits for its order": (
        {"shop": [back("fay's", 3, "customer_id:fay", sku="jeans"),
                  order("fay's other", 9, "customer_id:fay")]},
        {"shop": [order("fay's", 6, "customer_id:fay")]},
    ),
    "a message was another's": (
        {"mail": [mail("m gus", "opened", 3, "email:gus@x.io")],
         "web": [row("gus in", "login", 9, "customer_id:gus", "email:gus@x.io")]},
        {"mail": [mail("m gus", "sent", 4, "customer_id:hal")]},
    ),
    "a case is closed by its number": (
        {"desk": [row("ida asks", "contact_opened", 4, "customer_id:ida", contact_id="k1",
                      channel="chat")]},
        {"desk": [row("ida told", "contact_closed", 1, contact_id="k1", satisfaction=4)]},
    ),
    "an address becomes one of too many": (
        {"web": [row(f"till {n}", "login", 20 - n, f"customer_id:till{n}", "email:till@x.io")
                 for n in range(5)],
         "crm": [row("till out", "consent_withdrawn", 8, "email:till@x.io", channel="email",
                     purpose="marketing")]},
        {"web": [row("till 9", "login", 2, "customer_id:till9", "email:till@x.io")]},
    ),
    "what is nobody's says no": (
        {"web": [row(f"hall {n}", "login", 20 - n, f"customer_id:hall{n}", "email:hall@x.io")
                 for n in range(7)]},
        {"crm": [row("hall out", "consent_withdrawn", 1, "email:hall@x.io", channel="email",
                     purpose="marketing")]},
    ),
    "a device turns out to be shared": (
        {"web": [row("tab 1", "login", 9, "customer_id:jon", "device_id:tab"),
                 row("tab view", "page_view", 3, "device_id:tab")]},
        {"web": [row("tab 2", "login", 4, "customer_id:kim", "device_id:tab")]},
    ),
    "much was looked at, here and there": (
        {"web": [row(f"mia {n}", "page_view", 30 - n, "customer_id:mia",
                     *(["anonymous_id:mia"] if n % 3 else []),
                     **({"device": {"os": ("ios", "android")[n % 2]}} if n % 5 else {}),
                     **({"geo": {"country": ("DE", "US", "here")[n % 3],
                                 "time_zone": ("Europe/Berlin", "Asia/Tokyo", "there")[n % 3]}}
                        if n in (4, 9, 11, 14) else {}))
                 for n in range(20)]},
        {"shop": [order("mia's", 1, "customer_id:mia")]},
    ),
    "a guest buys": ({}, {"shop": [order("nobody's", 1)]}),
    "a word is taken back": (
        {"crm": [row("lea out", "consent_withdrawn", 8, "customer_id:lea", channel="email",
                     purpose="marketing")]},
        {"crm": [row("lea in", "consent_granted", 1, "customer_id:lea", channel="email",
                     purpose="marketing")]},
    ),
}  # fmt: skip


def together(*parts: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    return {name: [r for part in parts for r in part.get(name, [])] for name in CONFIG["sources"]}


@pytest.fixture
def following(monkeypatch) -> None:
    """However small the lake, and however many a change bears on, tables follow it."""
    monkeypatch.setattr(publish, "FOLLOWED_BYTES", 0)
    monkeypatch.setattr(publish, "LARGE_PART", 2)


def persons(shop: Shop) -> set[str]:
    return {row["person_id"] for row in read_tables(shop.lake, ["customers"])["customers"]}


@pytest.fixture
def made_anew(monkeypatch) -> list[set[str]]:
    """The tables that each publication made from everything."""
    names: list[set[str]] = []
    make = publish._Work.make

    def told(work: publish._Work, plan: publish.Plan, *args: Any, **options: Any) -> None:
        names.append({one.table.name for one in plan.whole})
        make(work, plan, *args, **options)

    monkeypatch.setattr(publish._Work, "make", told)
    return names


def files_of(shop: Shop, table: str) -> set[str]:
    return set(deltalake.DeltaTable(str(shop.lake / table)).file_uris())


@pytest.mark.faults
def test_what_follows_a_change_is_what_making_all_anew_gives(
    spark, tmp_path: Path, following, made_anew
):
    shop = Shop(World({}, CONFIG, [], AS_OF, AS_OF + 60 * DAY), tmp_path)
    shop.land(together(QUIET, *(before for before, _ in STORIES.values())))
    shop.run(AS_OF - timedelta(hours=3))
    then = persons(shop)
    shop.land(together(*(after for _, after in STORIES.values())))
    told = shop.run(AS_OF - timedelta(hours=2))
    assert not WAITING & {*told.published}
    assert not made_anew[-1] & {"timeline", "customers", "known_shares"}
    found = read_tables(shop.lake)
    shop.assert_converged(AS_OF - timedelta(hours=2), waiting=WAITING)
    # Whose cookie it was, and who had bought what another had, are no more.
    assert then - persons(shop)
    shop.run(AS_OF - timedelta(hours=2), steps=("publish",), is_full=True)
    anew = read_tables(shop.lake)
    assert_same(found, {name: rows for name, rows in anew.items() if name not in WAITING})
    # Nothing is new but what the clock says.
    assert shop.run(LATER).published == ["pressure"]


def timeline_after_a_view(shop: Shop, who: str, hours: int) -> set[str]:
    """The files of the timeline after somebody saw a page. hours: until all is published."""
    shop.land(together({"web": [row(f"view {who}", "page_view", 1, f"customer_id:{who}")]}))
    shop.run(AS_OF - timedelta(hours=hours))
    return files_of(shop, "timeline")


def test_few_rows_leave_files_alone_and_what_broke_off_is_done_again(
    spark, tmp_path: Path, following, made_anew, monkeypatch
):
    shop = Shop(World({}, CONFIG, [], AS_OF, AS_OF + 60 * DAY), tmp_path)
    shop.land(together(QUIET))
    shop.run(AS_OF - timedelta(hours=4))
    earlier = files_of(shop, "timeline")
    assert earlier < timeline_after_a_view(shop, "new", 3)
    assert "known_shares" not in made_anew[-1]

    # Killed half-way: some tables are written, others are not, and nothing says so.
    state = shop.lake / publish.STATE
    before = state.read_text()
    shop.land(together({"shop": [order("more", 1, "customer_id:quiet"),
                                 order("newer", 1, "customer_id:newer")]}))  # fmt: skip
    shop.run(AS_OF - timedelta(hours=2))
    state.write_text(before)
    for name in ("customers", "identity"):
        table = deltalake.DeltaTable(str(shop.lake / name))
        table.restore(json.loads(before)["tables"][name])
    shop.run(AS_OF - timedelta(hours=2), steps=("publish",))
    shop.assert_converged(AS_OF - timedelta(hours=2), waiting=WAITING)

    # What bears on most is made anew.
    monkeypatch.setattr(publish, "LARGE_PART", 0)
    earlier = files_of(shop, "timeline")
    assert not earlier & timeline_after_a_view(shop, "quiet", 1)
    shop.assert_converged(AS_OF - timedelta(hours=1))
