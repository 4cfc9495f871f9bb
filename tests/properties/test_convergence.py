"""G1: whatever arrives when and in whatever batches, the tables are the oracle's."""

from __future__ import annotations

import pytest

from tests import worlds
from tests.product import Shop


@pytest.mark.parametrize(("seed", "batches"), [(1, 2), (2, 3)])
def test_the_stream_gives_what_the_oracle_says(
    as_users_run_it, tmp_path, seed: int, batches: int
) -> None:
    world = worlds.make(seed)
    shop = Shop(world, tmp_path)
    for batch in worlds.split(world, batches, seed=seed):
        shop.land(batch)
        shop.run()
    shop.assert_converged()
