"""The oracle on what is taken back, against answers worked out by hand."""

from __future__ import annotations

import pytest

from tests.oracle import compute
from tests.purchase_cases import AS_OF, CASES, RULE, assert_as_told
from tests.worlds import World, write

CONFIG = {
    "sources": {"shop": {"stream": "purchases", "path": "landing/shop"}},
    "suppress": [RULE],
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_taken_back(case, tmp_path):
    world = World({"shop": case.landing}, CONFIG, [], AS_OF, AS_OF)
    (written,) = write(world, tmp_path)
    found = compute(written, CONFIG, b"key", AS_OF)
    names = {
        row["person_id"]: found.names[row["identifier_key"]].partition(":")[2]
        for row in found.tables["identity"]
    }
    assert_as_told(case, found.tables, names)
