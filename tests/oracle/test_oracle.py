"""The oracle against answers worked out by hand."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.oracle import compute
from tests.oracle.compare import assert_same, differences
from tests.worlds import World, awkward_rows, make, reused_ids, write

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
STREAMS = ("clicks", "purchases", "messages", "profiles", "service")
SOURCES = {name: {"stream": name, "path": f"landing/{name}"} for name in STREAMS}
BOUGHT = {"name": "bought", "when": "purchased", "match": "sku", "lasts": "30d"}


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def about(row):
    """The one product, category or brand that a suppression is about."""
    (part,) = row["scope"]
    return part["values"][0]


class Shop:
    """A world told event by event, and what the oracle makes of it."""

    def __init__(self, folder, **config):
        self.folder = folder
        self.config = {"sources": SOURCES, **config}
        self.events = {name: [] for name in STREAMS}

    def tell(self, stream, type_, days, *ids, **told):
        number = len(self.events[stream])
        row = {
            "event_id": f"{type_}-{number}",
            "type": type_,
            "occurred_at": at(days).isoformat(),
            "identifiers": [dict(zip(("type", "value"), i.split("="), strict=True)) for i in ids],
            **told,
        }
        self.events[stream].append(row)
        return f"{stream}:{row['event_id']}"

    def answer(self, as_of=20, **reference):
        world = World(self.events, self.config, [], at(as_of), at(400))
        (written,) = write(world, self.folder)
        return compute(written, self.config, b"key", world.as_of, **reference)

    def table(self, name, as_of=20, **reference):
        return self.answer(as_of, **reference).tables[name]


def send(shop, message_id, days, who="customer_id=c", **told):
    return shop.tell(
        "messages", "sent", days, who, message_id=message_id, **{"channel": "email", **told}
    )


@pytest.mark.parametrize(("gap", "is_capped"), [(7, False), (7 - 1e-6, True)])
def test_exactly_a_window_later_is_allowed_again(tmp_path, gap, is_capped):
    cap = {"name": "weekly", "channels": ["email"], "limit": 2, "window": "7d"}
    shop = Shop(tmp_path, caps=[cap])
    first, second = send(shop, "m1", 1), send(shop, "m2", 1 + gap)
    rows = [row for row in shop.table("suppressions") if row["reason"] == "capped"]
    if not is_capped:
        assert rows == []
        return
    (row,) = rows
    assert (row["starts_at"], row["ends_at"]) == (at(1 + gap), at(8))
    assert (row["policy"], row["channels"]) == ("weekly", ["email"])
    assert row["scope"] == [{"kind": "purpose", "values": ["marketing"], "negated": False}]
    assert row["evidence"] == [first, second]


def test_pressure_counts_messages_in_the_open_window(tmp_path):
    cap = {"name": "weekly", "limit": 2, "window": "7d"}
    shop = Shop(tmp_path, caps=[cap])
    for number, days in enumerate((3, 5, 5, 6)):  # the first is exactly a week old on day 10
        send(shop, f"m{number}", days)
    send(shop, "m1", 9)  # sent again: a message counts once
    send(shop, "m9", 9, purpose="transactional")
    (row,) = shop.table("pressure", as_of=10)
    assert (row["counted"], row["cap_limit"]) == (2, 2)
    assert (row["window_starts_at"], row["next_allowed_at"]) == (at(3), at(12))


def test_a_partial_return_lifts_only_its_line(tmp_path):
    shop = Shop(tmp_path, suppress=[{**BOUGHT, "channels": ["ad", "email"]}])
    lines = [{"line_id": "1", "sku": "jeans", "amount": 40}, {"line_id": "2", "sku": "mat"}]
    order = shop.tell("purchases", "order_placed", 1, "customer_id=c", order_id="o", lines=lines)
    back = shop.tell("purchases", "order_returned", 4, order_id="o", line_id="1")
    rows = shop.table("suppressions")
    told = {(about(row), *row["channels"]): (row["ends_at"], row["lifted_by"]) for row in rows}
    kept, lifted = (at(31), None), (at(4), back)
    assert told == {("jeans", "ad", "email"): lifted, ("mat", "ad", "email"): kept}
    assert all(row["evidence"] == [order] for row in rows)


def test_an_undo_line_without_id_acts_on_its_product_and_may_come_first(tmp_path):
    shop = Shop(tmp_path, suppress=[BOUGHT])
    lines = [{"sku": "jeans", "amount": 40}, {"sku": "mat", "amount": 10}]
    back = shop.tell(
        "purchases", "order_returned", 1, order_id="o", lines=[{"sku": "mat", "quantity": 1}]
    )
    # A part of the price of what is kept.
    refund = [{"sku": "jeans", "amount": 4}]
    shop.tell("purchases", "order_refunded", 1, order_id="o", lines=refund)
    shop.tell("purchases", "order_placed", 2, "customer_id=c", order_id="o", lines=lines)
    found = shop.answer().tables
    told = {about(row): (row["ends_at"], row["lifted_by"]) for row in found["suppressions"]}
    assert told == {"jeans": (at(32), None), "mat": (at(2), back)}
    (customer,) = found["customers"]
    assert customer["orders"] == 1
    assert customer["revenue"] == {"USD": Decimal("36")}


def test_a_product_rests_for_its_share_of_replenishment(tmp_path):
    rule = {**BOUGHT, "lasts_share": 0.75, "match": "category"}
    shop = Shop(tmp_path, suppress=[rule])
    lines = [{"sku": "beans"}, {"sku": "lamp", "category": "home"}, {"sku": "ghost"}]
    shop.tell("purchases", "order_placed", 1, "customer_id=c", order_id="o", lines=lines)
    products = [{"sku": "beans", "category": "food", "replenish_days": 10}, {"sku": "lamp"}]
    rows = shop.table("suppressions", products=products)
    ends = {about(row): row["ends_at"] for row in rows}
    assert ends == {"food": at(8.5), "home": at(31)}


def test_orders_follow_a_click_or_the_campaign_they_name(tmp_path):
    shop = Shop(tmp_path, attribution={"window": "7d"})
    send(shop, "m1", 1, campaign_id="spring")
    shop.tell("messages", "opened", 1.1, message_id="m1", machine_open=True)
    shop.tell("messages", "clicked", 2, message_id="m1")

    def order(order_id, days, who="customer_id=c", **told):
        lines = [{"sku": "mat", "quantity": 2, "unit_price": 4.5, "discount": 1}]
        shop.tell("purchases", "order_placed", days, who, order_id=order_id, lines=lines, **told)

    order("before the click", 1.5)
    order("names the campaign", 1.5, campaign_id="spring")
    order("last moment", 9)
    order("too late", 9 + 1e-6)
    order("somebody else", 3, "customer_id=d")
    order("last moment", 9)  # told twice: one order
    (row,) = shop.table("outcomes")
    assert [(o["order_id"], o["converted_at"]) for o in row["orders"]] == [
        ("names the campaign", at(1.5)),
        ("last moment", at(9)),
    ]
    assert {o["revenue"] for o in row["orders"]} == {Decimal(8)}
    assert (row["opened_at"], row["clicked_at"]) == (None, at(2))
    assert row["goal_reached_at"] == at(1.5)


def test_regret_needs_a_rule_that_was_active_and_touched_the_message(tmp_path):
    half = {**BOUGHT, "name": "half", "share": 0.5}
    shop = Shop(tmp_path, suppress=[{**BOUGHT, "channels": ["email"]}, half])
    lines = [{"line_id": "1", "sku": "jeans"}, {"line_id": "2", "sku": "mat"}]
    send(shop, "too early", 1, skus=["jeans"])
    order = shop.tell("purchases", "order_placed", 2, "customer_id=c", order_id="o", lines=lines)
    send(shop, "both", 3, skus=["jeans", "lamp"], cost=0.5)
    send(shop, "a third", 3, skus=["jeans", "lamp", "soap"])
    send(shop, "two of four", 3, skus=["jeans", "lamp", "soap", "mat"])
    send(shop, "by text", 3, skus=["jeans"], channel="sms")
    send(shop, "about something else", 3, skus=["lamp"])
    send(shop, "about nothing", 3)
    send(shop, "a receipt", 3, skus=["jeans"], purpose="transactional")
    shop.tell("purchases", "order_cancelled", 5, order_id="o")
    send(shop, "after the cancellation", 5, skus=["jeans"])
    rows = shop.table("regrets")
    assert {(row["message_id"], row["policy"]) for row in rows} == {
        ("both", "bought"), ("both", "half"), ("a third", "bought"), ("by text", "half"),
        ("two of four", "bought"), ("two of four", "half"),
    }  # fmt: skip
    assert all(row["evidence"] == [order] for row in rows)
    assert {row["cost"] for row in rows if row["message_id"] == "both"} == {Decimal("0.5")}


def test_a_category_is_as_many_products_as_a_message_offers_of_it(tmp_path):
    most = {**BOUGHT, "match": "category", "share": 0.7}
    products = [{"sku": sku, "category": sku[0]} for sku in ("a1", "a2", "a3", "b1")]
    shop = Shop(tmp_path, suppress=[most])
    lines = [{"line_id": "1", "sku": "a9", "category": "a"}]
    shop.tell("purchases", "order_placed", 2, "customer_id=c", order_id="o", lines=lines)
    send(shop, "three of four", 3, skus=["a1", "a2", "a3", "b1"])
    send(shop, "one of two", 3, skus=["a1", "b1"])
    send(shop, "names both", 3, categories=["a", "b"])
    send(shop, "one is unknown", 3, skus=["a1", "x"])
    rows = shop.table("regrets", products=products)
    assert {row["message_id"] for row in rows} == {"three of four", "one is unknown"}


def test_consent_for_all_channels_ends_only_with_consent_for_all(tmp_path):
    shop = Shop(tmp_path)

    def say(type_, days, channel):
        return shop.tell("profiles", type_, days, "customer_id=c", channel=channel)

    say("consent_withdrawn", 1, None)
    say("consent_withdrawn", 1, "email")
    say("consent_granted", 1, "email")  # at the very same moment the withdrawal wins
    by_email = say("consent_granted", 2, "email")
    by_all = say("consent_granted", 3, None)
    found = shop.answer().tables
    told = {
        "".join(row["channels"]) or None: (row["ends_at"], row["lifted_by"])
        for row in found["suppressions"]
    }
    assert told == {None: (at(3), by_all), "email": (at(2), by_email)}
    assert found["customers"][0]["consents"] == {"all:marketing": True, "email:marketing": True}


def test_a_bounce_ends_with_a_new_address(tmp_path):
    shop = Shop(tmp_path)
    told = {"message_id": "m", "channel": "email"}
    who = ("customer_id=c", "email=old@x.io")
    shop.tell("messages", "bounced", 1, *who, bounce="hard", **told)
    shop.tell("messages", "bounced", 1, *who, bounce="soft", **told)
    shop.tell("profiles", "attribute_set", 3, "customer_id=c", "email=new@x.io")
    found = shop.answer()
    (row,) = found.tables["suppressions"]
    assert row["ends_at"] == at(3)
    new = next(r for r in found.tables["identity"] if r["first_seen_at"] == at(3))
    assert row["lifted_by"] == f"identifier:{new['identifier_key']}"


def test_a_shared_device_is_nobodys_from_its_second_person_on(tmp_path):
    shop = Shop(tmp_path)
    shop.tell("clicks", "page_view", 1, "device_id=tv")
    shop.tell("clicks", "login", 2, "device_id=tv", "customer_id=c")
    shop.tell("clicks", "page_view", 3, "device_id=tv")
    shop.tell("clicks", "login", 4, "device_id=tv", "customer_id=d")
    shop.tell("clicks", "page_view", 4, "device_id=tv")
    found = shop.answer()
    rows = {found.names[row["identifier_key"]]: row for row in found.tables["identity"]}
    device, c, d = (rows[x] for x in ("device_id:tv", "customer_id:c", "customer_id:d"))
    neutral = f"n_{device['identifier_key']}"
    assert device["state"] == "neutral"
    assert device["neutral_from_at"] == at(4)
    assert (device["person_id"], device["neutral_person_id"]) == (c["person_id"], neutral)
    whose = [person for _, person in sorted(found.owners.items())]
    c_id, d_id = c["person_id"], d["person_id"]
    # in the order of event ids: login-1, login-3, page_view-0, page_view-2, page_view-4
    assert whose == [c_id, d_id, c_id, c_id, neutral]
    assert neutral not in {row["person_id"] for row in found.tables["customers"]}


def test_revenue_is_never_below_nothing(tmp_path):
    shop = Shop(tmp_path)
    who, lines = "customer_id=c", [{"line_id": "1", "amount": 10}, {"line_id": "2", "amount": 5}]
    shop.tell("purchases", "order_placed", 1, who, order_id="o", currency="EUR", lines=lines)
    shop.tell("purchases", "order_placed", 2, who, order_id="gone", lines=lines)
    for type_, amount in (("order_returned", 4), ("order_refunded", 3), ("order_refunded", 3)):
        back = [{"line_id": "1", "amount": amount}]
        shop.tell("purchases", type_, 3, order_id="o", lines=back)
    shop.tell(
        "purchases", "order_refunded", 3, order_id="o", lines=[{"line_id": "2", "amount": 50}]
    )
    for line_id in ("1", "2"):
        shop.tell("purchases", "order_cancelled", 4, order_id="gone", line_id=line_id)
    (row,) = shop.table("customers")
    assert row["revenue"] == {"EUR": Decimal(4), "USD": Decimal(0)}
    assert (row["orders"], row["last_order_at"]) == (1, at(1))


def test_blanks_around_ids_are_no_part_of_them(tmp_path):
    shop = Shop(tmp_path)
    lines = [{"line_id": "1\u00a0", "sku": "\u200bjeans ", "amount": 10}]
    shop.tell("purchases", "order_placed", 1, "customer_id=c", order_id=" A1", lines=lines)
    shop.tell("purchases", "order_returned", 2, order_id="A1\ufeff", line_id=" 1")
    told = shop.answer().tables
    assert told["customers"][0]["revenue"] == {"USD": Decimal(0)}
    found = {(row["order_id"], row["sku"]) for row in told["timeline"]}
    assert found == {("A1", "jeans"), ("A1", None)}


def test_what_is_not_yet_due_enters_nothing(tmp_path):
    shop = Shop(tmp_path)
    shop.tell("clicks", "login", 5, "customer_id=c", "email=a@x.io")
    shop.tell("clicks", "login", 5 + 1e-6, "customer_id=d")
    found = shop.answer(as_of=5)
    assert len(found.accepted) == 2
    assert len(found.waiting) == 1
    assert len(found.tables["identity"]) == 2


def test_one_id_with_several_payloads(tmp_path):
    world = reused_ids()
    (written,) = write(world, tmp_path)
    found = compute(written, world.config, b"key", world.as_of)
    assert found.counts["accepted"] == 6
    assert found.counts["read"] == 21
    refused = {row["raw"] for row in found.quarantined}
    again = compute(written, world.config, b"key", world.as_of, reused=refused)
    assert again.counts == found.counts
    rows = [raw for path in written["web"] for raw in path.read_text().splitlines()]
    others = {raw for raw in rows if "mat" not in raw}
    told = compute(written, world.config, b"key", world.as_of, reused=others)
    assert {row["sku"] for row in told.tables["timeline"] if row["event_id"] == "r0"} == {"mat"}


def test_rows_that_parsers_disagree_about(tmp_path):
    world = awkward_rows()
    (written,) = write(world, tmp_path)
    found = compute(written, world.config, b"key", world.as_of)
    counts = {"accepted": 7, "duplicate": 1, "quarantined": 4, "id_reused": 0}
    assert found.counts == {"read": 12, **counts}


@pytest.mark.parametrize("seed", range(5))
def test_how_a_world_lands_changes_nothing(tmp_path, seed):
    world = make(seed)
    told = []
    for k in (1, 4):
        files = {}
        for batch in write(world, tmp_path / str(k), k=k, seed=seed):
            for source, paths in batch.items():
                files.setdefault(source, []).extend(paths)
        told.append(compute(files, world.config, b"s", world.as_of, products=world.products))
    once, split = told
    assert_same(split.tables, once.tables)
    assert (once.accepted, once.counts) == (split.accepted, split.counts)
    assert make(seed) == world


def test_comparison_renames_persons_and_names_what_differs(tmp_path):
    world = make(3)
    (written,) = write(world, tmp_path)
    told = compute(written, world.config, b"s", world.as_of, products=world.products).tables
    other = copy.deepcopy(told)
    for row in [row for rows in other.values() for row in rows]:
        if (row.get("person_id") or "").startswith("p_"):
            row["person_id"] = row["person_id"].replace("p_", "p_x")
    assert_same(other, told)
    other["customers"][0]["orders"] += 1
    (found,) = differences(other, told)
    assert found.startswith("customers[") and ".orders: product" in found
    other["timeline"].pop()
    assert len(differences(other, told)) == 2
    people = {row["person_id"]: row for row in other["identity"] if row["state"] == "linked"}
    one, two, *_ = people.values()
    two["person_id"] = one["person_id"]
    assert any("identity: the product's" in line for line in differences(other, told))
