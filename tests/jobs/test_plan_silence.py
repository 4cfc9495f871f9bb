"""What is not said though it could be: control groups, seasons, caps that drop, and who said no."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tactful.jobs.runs.batches import Batch
from tactful.schemas.assignments import ASSIGNMENTS
from tactful.schemas.plans import PLANS
from tests.jobs.test_plan import (
    HOUR,
    LIVE,
    NOON,
    SOURCES,
    activations,
    agrees,
    decide,
    killed_behind,
    lines,
    plans,
    row,
)
from tests.landing import World
from tests.oracle.compare import read_tables
from tests.product import DECIDING, Shop

DAY = timedelta(days=1)
BERLIN = {"country": "DE", "time_zone": "Europe/Berlin"}
SYDNEY = {"country": "AU", "time_zone": "Australia/Sydney"}
NEW_YORK = {"country": "US", "time_zone": "America/New_York"}
CART = {"when": "cart_abandoned", "after": "4h", **LIVE}
OF_TROUSERS = "contains(categories, 'trousers')"
CONFIG: dict[str, Any] = {
    "sources": SOURCES,
    # What is said is said at its moment.
    "plans": {"emit_ahead": "0s"},
    "consent": {"default": "opt_in", "US": {"default": "opt_out"}},
    "caps": [
        {"name": "weekly", "channels": ["email"], "limit": 2, "window": "7d", "on_cap": "drop",
         "campaigns": ["cart"], "relaxed": [{"where": "orders >= 2", "limit": 3}]},
    ],
    "suppress": [
        {"name": "fitting", "when": "out_of_context", "policies": ["cart"]},
        {"name": "umbrella", "when": "out_of_context", "policies": ["fans"], "seasons": False,
         "regions": False, "rain": True},
    ],
    "activate": [
        {"name": "cart", "channels": ["email"], "priority": 70, **CART},
        {"name": "spring", "campaign_id": "spring", "channels": ["web"], **CART},
        {"name": "half", "campaign_id": "half", "channels": ["web"], **CART},
        {"name": "fans", "where": OF_TROUSERS, "channels": ["web"], **CART},
    ],
    "destinations": [
        {"name": "mailer", "kind": "file", "policy": "cart"},
        {"name": "site_spring", "kind": "file", "policy": "spring"},
        {"name": "site_half", "kind": "file", "policy": "half"},
        {"name": "site_fans", "kind": "file", "policy": "fans"},
    ],
}  # fmt: skip
PRODUCTS = [
    {"sku": "jeans", "category": "trousers"},
    {"sku": "sandals", "seasons": ["summer"]},
]
CONTEXT = [
    {"region": "DE", "day": "2026-06-03", "temperature": 11.5, "rain": 4},
    {"region": "US", "day": "2026-06-03", "rain": 0},
    {"region": "AU", "day": "2026-06-03", "temperature": -300},
]
CAMPAIGN = {"campaign_id": "spring", "holdout_share": 1}
HALF = {"campaign_id": "half", "holdout_share": 0.5}


def known(who: str, id_: str, *skus: str) -> dict[str, Any]:
    """An order of long ago, of somebody whom the shop knows by a number, too."""
    lines = [{"sku": sku, "quantity": 1, "unit_price": 50} for sku in skus]
    order = row(who, -24 * 60 - len(id_), "order_placed", order_id=id_, lines=lines)
    named = [*order["identifiers"], {"type": "customer_id", "value": f"c-{who}"}]
    return {**order, "identifiers": named}


def cart(who: str, sku: str, geo: dict[str, str] | None = BERLIN) -> dict[str, Any]:
    return row(who, 0, "add_to_cart", sku=sku, **({"geo": geo} if geo else {}))


def mailed(who: str, days: float) -> dict[str, Any]:
    return row(who, -24 * days, "sent", message_id=f"{who} {days}", channel="email",
               purpose="marketing", campaign_id="cart")  # fmt: skip


@pytest.mark.faults
def test_what_is_not_said_though_it_could_be(spark, tmp_path: Path) -> None:
    everybody = ("ann", "bea", "cy", "dan", "eve", "fay", "gil")
    history = {
        "crm": [agrees(who) for who in everybody],
        "till": [known("ann", "o1", "jeans"), known("bea", "o2", "jeans"),
                 known("dan", "o3", "jeans"), known("dan", "o33", "mat"), known("cy", "o5", "mat")],
        "mail": [mailed(who, days) for who in ("cy", "dan") for days in (2, 4)],
    }  # fmt: skip
    today = {
        "web": [
            cart("ann", "jeans"), cart("bea", "jeans"), cart("cy", "jeans"),
            cart("dan", "jeans", NEW_YORK),
            # It is June: summer in Berlin, winter in Sydney, and nobody knows where Gil is.
            cart("eve", "sandals"), cart("fay", "sandals", SYDNEY), cart("gil", "sandals", None),
            # Neither has ever said anything; in America silence is a yes.
            cart("hal", "jeans", NEW_YORK), cart("ida", "jeans"),
        ],
        "crm": [row("bea", 1, "attribute_set", attribute="personalisation", value="off")],
    }  # fmt: skip
    world = World(
        {},
        CONFIG,
        PRODUCTS,
        NOON,
        NOON + 200 * HOUR,
        context=CONTEXT,
        campaigns=[CAMPAIGN, HALF],
    )
    shop = Shop(world, tmp_path)
    shop.land(history)
    shop.run(as_of=NOON - DAY)
    shop.land(today)
    # Killed when the arms are written and the plans are not: nobody is drawn twice, or otherwise.
    with pytest.raises(Exception, match="killed"), without_plans():
        decide(shop, 4, hook=killed_behind(ASSIGNMENTS.id))
    assert not read_tables(shop.lake, [PLANS.id])[PLANS.id]
    first = arms(shop)
    shop.run(as_of=NOON + 4 * HOUR)
    assert first and arms(shop) == first

    told = activations(shop)
    carts = {
        who: (r["outcome"], r["reason"]) for (who, policy), r in told.items() if policy == "cart"
    }
    assert carts == {
        "ann": ("chosen", None),
        "bea": ("chosen", None),
        "cy": ("suppressed", "weekly"),
        "dan": ("chosen", None),
        "eve": ("chosen", None),
        "fay": ("suppressed", "fitting"),
        "gil": ("suppressed", "fitting"),
        "hal": ("chosen", None),
        "ida": ("suppressed", "no_consent"),
    }
    assert {line["address"] for line in lines(shop, "mailer")} == {
        f"{who}@x.io" for who in ("ann", "bea", "dan", "eve", "hal")
    }
    assert told["cy", "cart"]["is_final"], "a cap that drops is asked once"
    # September begins in Sydney; the season of nobody knows where is that of the business's clock.
    assert not told["fay", "cart"]["is_final"]
    fans = {who: told[who, "fans"]["reason"] for who in told_of("fans", told)}
    # Of who wants no profile none is asked; in New York it does not rain.
    assert fans == {"ann": None, "dan": "umbrella"}
    refused = read_tables(shop.lake, ["quarantine"])["quarantine"]
    assert ["out_of_bounds:temperature"] in [r["reasons"] for r in refused]

    # Without a number at the shop nobody can be found on its site.
    reached = {"ann", "bea", "cy", "dan"}
    spring = {who: told[who, "spring"] for who in everybody}
    assert {r["outcome"] for r in spring.values()} == {"suppressed"}
    reasons = {who: r["reason"] for who, r in spring.items()}
    assert {who for who, reason in reasons.items() if reason == "holdout"} == reached
    assert lines(shop, "site_spring") == []
    drawn = read_tables(shop.lake, ["assignments"])["assignments"]
    assert {r["assigned_at"] for r in drawn} == {NOON + 4 * HOUR}
    assert {r["arm"] for r in drawn if r["campaign_id"] == "spring"} == {"control"}
    assert len(first) == len(drawn) == len(told_of("spring", told)) + len(told_of("half", told))
    half = {who: told[who, "half"]["reason"] for who in reached}
    assert {half[who] for who in reached} <= {None, "holdout"}
    said = lines(shop, "site_half")
    assert len(said) == [*half.values()].count(None)

    # It rains in New York after all: whoever waits for that hears so without an event of theirs.
    newest = tmp_path / "reference/context/d.json"
    newest.write_text(json.dumps({"region": "US", "day": "2026-06-03", "rain": 7}))
    os.utime(newest, (5 * 3600, 5 * 3600))
    decide(shop, 4.5)
    assert plans(shop)["dan", "fans"]["outcome"] == "chosen"
    assert plans(shop)["fay", "cart"]["reason"] == "fitting", "no rain makes it summer"

    # The campaign holds nobody out any more: who waits for it hears so without an event of theirs.
    newest = tmp_path / "reference/campaigns/d.json"
    newest.write_text(json.dumps({**CAMPAIGN, "holdout_share": 0}))
    os.utime(newest, (5 * 3600, 5 * 3600))
    shop.run(as_of=NOON + 5 * HOUR, steps=DECIDING)
    assert len(lines(shop, "site_spring")) == len(reached)
    assert arms(shop) == first


def arms(shop: Shop) -> list[tuple[str, str, str]]:
    """In which arm of which campaign each identifier was drawn."""
    rows = read_tables(shop.lake, ["assignments"])["assignments"]
    return sorted((r["campaign_id"], r["anchor_key"], r["arm"]) for r in rows)


@contextmanager
def without_plans() -> Iterator[None]:
    """Let a batch lose its plans, as if it had ended before they were written."""
    append = Batch._append

    def but_plans(self: Batch, table: Any, output: Any) -> None:
        if table != PLANS:
            append(self, table, output)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batch, "_append", but_plans)
        yield


def told_of(policy: str, told: dict[tuple[str, str], dict[str, Any]]) -> set[str]:
    """Of whom anything is planned by a policy."""
    return {who for who, one in told if one == policy}
