"""G1: whatever arrives when and in whatever batches, the tables are the oracle's."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tactful.jobs import publish
from tests import worlds
from tests.product import Shop

WORLDS = int(os.environ.get("TACTFUL_WORLDS", "20"))
SEEDS = st.integers(0, 2**32 - 1)
DESTINATIONS = [
    {"name": policy, "kind": "file", "policy": policy,
     "identifiers": ["customer_id", "email", "device_id"]}
    for policy in (
        "bought_much", "unsubscribed", "no_consent", "bounced", "being_helped", "helped_lately",
        "paid_in_full", "paid_for", "asked_lately",
        "on_its_way", "never_came", "tired", "worn_out",
        "day_cap", "month_cap", "topic_cap",
    )
] + [
    {"name": f"about_{place}", "kind": "file", "policy": policy, "audience_by": by,
     "audience_of": of, "identifiers": ["customer_id", "email"]}
    for place, (policy, by, of) in enumerate((
        ("bought_much", "category", "clothes"), ("bought_much", "sku", "mat"),
        ("paid_in_full", "brand", "Loop"), ("bought_much", "campaign", "sale"),
        ("paid_in_full", "campaign", "spring"), ("day_cap", "campaign", "empty"),
    ))
] + [
    {"name": "google", "kind": "google_data_manager", "policy": "bought_much", "audience_id": "1",
     "account": {"account_id": "1"}},
]  # fmt: skip


@pytest.mark.parametrize(("seed", "batches"), [(1, 2)])
def test_the_stream_gives_what_the_oracle_says(spark, tmp_path, seed: int, batches: int) -> None:
    """Interpreted, as all tests; with generated code the extremes run, and what is below."""
    converge(worlds.make(seed), batches, order=seed, folder=tmp_path)


@pytest.mark.faults
@pytest.mark.parametrize(("seed", "batches"), [(1, 2), (2, 3), (5, 3)])
def test_generated_code_gives_what_the_oracle_says(
    as_users_run_it, tmp_path, seed: int, batches: int
) -> None:
    converge(worlds.make(seed), batches, order=seed, folder=tmp_path)


@pytest.mark.faults
@settings(
    max_examples=WORLDS,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a world takes a minute
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given(world=worlds.worlds(), batches=st.integers(1, 4), order=SEEDS)
def test_any_world_in_any_batches_and_order(
    as_users_run_it, tmp_path_factory, world: worlds.World, batches: int, order: int
) -> None:
    converge(world, batches, order=order, folder=tmp_path_factory.mktemp("world"))


def converge(world: worlds.World, batches: int, *, order: int, folder: Path) -> None:
    """Run the product on a world dealt out into batches, and hold its tables to the oracle's.

    Every table but those of the first batch is brought up to date by what changed, so the clock
    goes on from batch to batch: what waits for another day says of which moment it is.

    And what destinations hold: one of what was bought, one of each way to say no, and an ad network
    at which two spellings of an address are one.
    """
    shop = Shop(replace(world, config={**world.config, "destinations": DESTINATIONS}), folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "FOLLOWED_BYTES", 0)
        patch.setattr(publish, "LARGE_PART", 2)
        for number, batch in enumerate(worlds.split(world, batches, seed=order), start=1):
            shop.land(batch)
            shop.run(world.as_of - timedelta(minutes=batches - number))
    # What waits for the next day is made anew where nothing is followed.
    shop.run(world.as_of, steps=("publish",))
    shop.assert_converged()
