"""Folding is merging: in any order, in any grouping, and twice as well as once (G1)."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame

from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lookups import fold
from tactful.schemas.identity import LABELS, LINKS
from tactful.schemas.records import MEMBERSHIPS
from tactful.schemas.table import Table

START = datetime(2026, 3, 2, tzinfo=UTC)


def event_ref(dice: random.Random) -> dict[str, Any]:
    at = START + timedelta(hours=dice.randrange(50))
    return {"occurred_at": at, "stream": "clicks", "event_id": f"e{dice.randrange(40)}"}


def a_link(dice: random.Random, batch: int) -> dict[str, Any]:
    number = dice.randrange(6)
    first, last = sorted((event_ref(dice), event_ref(dice)), key=lambda s: tuple(s.values()))
    keys = [f"k{number}", f"k{number + 1}"]
    return {
        "link_id": f"l{number}", "identifier_keys": keys, "identifier_types": ["email", "phone"],
        "blocked_keys": [], "blocked_types": [], "first_seen": first, "last_seen": last,
        "batch_id": batch,
    }  # fmt: skip


def a_label(dice: random.Random, batch: int) -> dict[str, Any]:
    key = f"k{batch % 7}"
    return {
        "identifier_key": key, "identifier_type": "email", "component_key": f"k{dice.randrange(3)}",
        "person_id": f"p_k{dice.randrange(3)}", "state": "linked", "is_minted": True,
        "batch_id": batch,
    }  # fmt: skip


def a_membership(dice: random.Random, batch: int) -> dict[str, Any]:
    return {
        "destination": "d", "audience": "a", "identifier_key": f"k{batch % 7}", "member_key": "m",
        "is_member": dice.random() < 0.5, "batch_id": batch,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "row"),
    [(LINKS, a_link), (LABELS, a_label), (MEMBERSHIPS, a_membership)],
    ids=["links", "labels", "memberships"],
)
def test_folding_is_merging(spark, table: Table, row: Callable[..., dict[str, Any]]) -> None:
    """What is folded early, late, in another order or twice comes out as folded once."""
    dice = random.Random(table.name)
    told = [row(dice, batch) for batch in range(60)]

    def frame(rows: list[dict[str, Any]]) -> DataFrame:
        return small_frame(spark, rows, table.struct())

    def folded(frame: DataFrame) -> DataFrame:
        return table.conform(fold(table, frame))

    def listed(frame: DataFrame) -> list[str]:
        return sorted(str(r) for r in frame.collect())

    once = listed(folded(frame(told)))
    assert 1 < len(once) < len(told), "a log in which nothing merges proves nothing"
    for _ in range(3):
        dice.shuffle(told)
        a, b, c = told[:20], told[10:45], told[40:]  # some rows are in two parts
        left = folded(folded(frame(a)).unionByName(frame(b))).unionByName(frame(c))
        right = frame(a).unionByName(folded(frame(c).unionByName(folded(frame(b)))))
        assert listed(folded(left)) == once
        assert listed(folded(right)) == once
