"""What it costs to plan for very many persons by fifteen policies.

A lake of a million persons; batches of 20,000 events decide by all policies; then so many carts are
left in one hour that their plans fall due in one tick. Prints seconds.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import deltalake
import duckdb
import typer

from tests.bench.batches import BEGIN, HOUR, Seconds, Shop
from tests.bench.memory import Peak
from tests.bench.shop import CONFIG, DECIDED, MILLION, WEEK, OfSource, write_events

# As the shop of the other benches, but some clicks fill carts and begin forms, one in three rows of
# the till says that the order before was delivered, and the till and the sender know addresses.
_OWN = "[customer, {type: 'email', value: 'c' || h % $persons || '@x.io'}]"
OF_SOURCE: OfSource = {
    "web": (
        "n % 10 < 8",
        "CASE h % 40 WHEN 1 THEN 'add_to_cart' WHEN 2 THEN 'form_start'"
        " ELSE 'product_view' END AS type,"
        "'s' || sku AS sku, CASE h % 40 WHEN 2 THEN 'offer' END AS form,"
        "CASE WHEN h % 20 IN (1, 2) THEN [customer] WHEN h % 20 = 0 THEN [cookie, customer]"
        " ELSE [cookie] END AS identifiers",
    ),
    "shop": (
        "n % 10 = 8",
        "CASE n % 30 WHEN 28 THEN 'order_delivered' ELSE 'order_placed' END AS type,"
        "'o' || CASE n % 30 WHEN 28 THEN n - 10 ELSE n END AS order_id,"
        f"CASE n % 30 WHEN 28 THEN NULL ELSE {_OWN} END AS identifiers,"
        "CASE n % 30 WHEN 28 THEN NULL"
        " ELSE [{sku: 's' || sku, quantity: 1, unit_price: 9.5}] END AS lines",
    ),
    "esp": (
        "n % 10 = 9",
        "'sent' AS type, 'm' || n AS message_id, 'email' AS channel, 'marketing' AS purpose,"
        f"{_OWN} AS identifiers, ['s' || sku] AS skus",
    ),
    "crm": ("n % 1000 = 7", f"'signup' AS type, {_OWN} AS identifiers"),
}
# An hour in which everybody leaves a cart.
CARTS: OfSource = {
    "web": ("true", f"'add_to_cart' AS type, 's' || sku AS sku, {_OWN} AS identifiers")
}
AFTER = 4
POLICIES: list[dict[str, Any]] = [
    *({"name": f"cart_{hours}", "when": "cart_abandoned", "after": f"{hours}h",
       "priority": 60 - hours} for hours in (AFTER, 6, 12, 15)),
    *({"name": f"form_{after}", "when": "form_abandoned", "after": f"{after}h", "priority": 50}
      for after in (1, 5)),
    *({"name": f"beside_{hours}", "when": "complement", "after": f"{hours}h", "priority": 40}
      for hours in (6, 24)),
    *({"name": f"again_{days}", "when": "replenishment", "expires": f"{days}d", "priority": 35}
      for days in (3, 7)),
    {"name": "rate_it", "when": "review_request", "after": "5d", "priority": 30},
    {"name": "hello", "when": "welcome", "priority": 80},
    *({"name": f"back_{days}", "when": "win_back", "after": f"{days}d", "priority": 10}
      for days in (30, 90)),
    {"name": "sale", "when": "campaign", "campaign_id": "sale", "where": "orders > 0"},
]  # fmt: skip


def config(starts_at: str) -> dict[str, Any]:
    """The shop's configuration with fifteen policies that speak from a moment on."""
    spoken = [
        {"channels": ["email"], "mode": "live", "starts_at": starts_at, "expires": "2d", **one}
        for one in POLICIES
    ]
    return {
        **CONFIG,
        "sources": {
            **CONFIG["sources"],
            "crm": {"stream": "profiles", "path": "landing/crm"},
        },
        # Nobody has said anything: who is silent may be written to, or nothing would be said.
        "consent": {"default": "opt_out"},
        "reference": {"campaigns": {"format": "json", "path": "reference/campaigns"}},
        "activate": spoken,
        "destinations": [
            *CONFIG["destinations"],
            *({"name": f"says_{one['name']}", "kind": "file", "policy": one["name"]}
              for one in POLICIES),
        ],
    }  # fmt: skip


def main(
    history: int = MILLION, persons: int = MILLION, batches: int = 3, due: int = 100_000
) -> None:
    """Plan behind a few batches, the first of which does not count; then let many fall due."""
    os.environ["TACTFUL_BENCH_SECRET"] = "a secret for the bench"
    print(f"## Fifteen policies, {persons:,} persons, {history:,} events of history")
    starts_at = BEGIN + WEEK * (history / MILLION)
    with tempfile.TemporaryDirectory() as folder, Peak() as peak:
        told = Path(folder) / "reference" / "campaigns"
        told.mkdir(parents=True)
        sale = {"campaign_id": "sale", "skus": ["s1"], "starts_at": (starts_at + HOUR).isoformat()}
        (told / "campaigns.json").write_text(json.dumps(sale) + "\n")
        shop = Shop(
            Path(folder), persons, config=config(starts_at.isoformat()), of_source=OF_SOURCE
        )
        shop.grow(history)
        shop.run(("publish",))
        runs = [shop.batch(0.0) for _ in range(batches + 1)][1:]
        _print("a batch of 20,000 events", runs)
        write_events(
            shop.folder, first=shop.landed, count=due, persons=persons, start=shop.now, span=HOUR,
            of_source=CARTS,
        )  # fmt: skip
        shop.landed += due
        shop.now += HOUR
        _print(f"{due:,} carts left", [shop.run()])
        shop.now += AFTER * HOUR
        _print("all of them due in one tick", [shop.run()])
        _print_plans(shop)
    print(f"memory: {peak.gib:.1f} GiB")


def _print(what: str, runs: list[Seconds]) -> None:
    middle = {step: statistics.median(run[step] for run in runs) for step in DECIDED}
    both = middle["accept"] + middle["fused"]
    print(f"{what}: {both:.1f} s; by step {middle}", flush=True)


def _print_plans(shop: Shop) -> None:
    """What stands of the plans for carts, so that it is seen that they were said."""
    rows = deltalake.DeltaTable(f"{shop.folder}/lake/_log/plans").to_pyarrow_table()
    with duckdb.connect() as db:
        db.register("plans", rows)
        print(db.sql("SELECT policy, outcome, count(*) FROM plans GROUP BY ALL ORDER BY ALL"))


if __name__ == "__main__":
    typer.run(main)
