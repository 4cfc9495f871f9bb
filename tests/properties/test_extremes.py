"""G10: nothing that was accepted stops the rest, however large it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tactful.jobs.commands.status import status
from tests.oracle.compare import read_tables
from tests.product import Shop
from tests.properties.test_convergence import SEEDS, WORLDS
from tests.worlds_extremes import extreme_world

# More than one amount can hold: sums must not be amounts.
BEYOND_AN_AMOUNT = Decimal(10) ** 14


def test_every_table_is_published_whatever_the_door_lets_through(as_users_run_it, tmp_path) -> None:
    tables = publish(1, tmp_path)
    earned = [sums for row in tables["customers"] for _, sums in row["revenue"]]
    followed = [order["revenue"] for row in tables["outcomes"] for order in row["orders"]]
    assert min(max(earned), max(followed)) > BEYOND_AN_AMOUNT


@pytest.mark.faults
@settings(
    max_examples=max(WORLDS // 4, 1),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a world takes a minute
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given(seed=SEEDS)
def test_any_extremes(as_users_run_it, tmp_path_factory, seed: int) -> None:
    publish(seed, tmp_path_factory.mktemp("extremes"))


def publish(seed: int, folder: Any) -> dict[str, list[dict[str, Any]]]:
    """Run an extreme world; all its tables are the oracle's, and what reads them can."""
    shop = Shop(extreme_world(seed), folder)
    shop.land_all(2, seed=seed)
    shop.run()
    shop.assert_converged()
    assert {"EUR", "VND"} <= status(shop.lake)["known"]["revenue"].keys()
    return read_tables(shop.lake)
