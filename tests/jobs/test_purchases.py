"""Orders sent twice, returns and refunds in whole runs: tables, and what destinations are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.partner import PARTNER, assert_partner_knows_the_buyers
from tests.landing import World
from tests.oracle.compare import read_tables
from tests.product import Shop
from tests.purchase_cases import AS_OF, CASES, RULE, assert_as_told

CONFIG: dict[str, Any] = {
    "lake": {"secret": "env:TACTFUL_SECRET"},
    "sources": {"shop": {"stream": "purchases", "path": "landing/shop"}},
    "suppress": [RULE],
    "destinations": [PARTNER],
}


@pytest.mark.faults
def test_what_is_taken_back_in_whatever_batch_it_arrives(spark, tmp_path: Path) -> None:
    """Every second event of a case comes a batch later: the first placing, or what it undoes."""
    rows = [event for case in CASES for event in case.landing]
    shop = Shop(World({"shop": rows}, CONFIG, [], AS_OF, AS_OF), tmp_path)
    for part in (0, 1):
        shop.land({"shop": [row for case in CASES for row in case.landing[part::2]]})
        shop.decide()
        assert_partner_knows_the_buyers(shop)
    shop.publish()
    tables, known = read_tables(shop.lake), shop.answer().names
    names = {
        row["person_id"]: known[row["identifier_key"]].partition(":")[2]
        for row in tables["identity"]
    }
    for case in CASES:
        assert_as_told(case, tables, names)
