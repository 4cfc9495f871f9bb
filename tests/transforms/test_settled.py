"""Settled lines: what was kept of what was bought, and what ended the keeping."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import functions as F

from tactful.schemas.events import REVERSALS
from tactful.transforms.allotting import back, emptied_by
from tactful.transforms.settled import PARTS, settled_lines
from tests.purchase_cases import CASES, Case, Told
from tests.timelines import timeline

ANY = f"array({', '.join(repr(word) for word in REVERSALS)})"


def rows(case: Case) -> list[Told]:
    """A case as the timeline has it, one row an event and line."""
    return [
        _row(event, place, line)
        for event in case.landing
        for place, line in enumerate(event.get("lines") or [{}])
    ]


def _row(event: Told, place: int, line: Told) -> Told:
    (who,) = event["identifiers"] or [{"value": None}]
    amount = line.get("amount")
    if amount is None and "unit_price" in line:
        amount = line["quantity"] * line["unit_price"] + line["discount"]
    return {
        "person_id": who["value"], "stream": "purchases", "type": event["type"],
        "event_id": event["event_id"], "occurred_at": datetime.fromisoformat(event["occurred_at"]),
        "order_id": event["order_id"], "currency": event.get("currency"), "line_number": place,
        "line_id": line.get("line_id", event.get("line_id")), "sku": line.get("sku"),
        "quantity": _decimal(line.get("quantity")), "amount": _decimal(amount),
    }  # fmt: skip


def _decimal(number: float | None) -> Decimal | None:
    return None if number is None else Decimal(str(number))


@pytest.fixture(scope="module")
def lines(spark) -> dict[str, list[Any]]:
    """Every bought line by case; one Spark action."""
    told = timeline(spark, [row for case in CASES for row in rows(case)])
    found = settled_lines(told, currency="USD").select(
        "person_id", "event_id", "line_number", "sku", "currency", "units", "paid",
        back("units").alias("units_back"), back("paid").alias("money_back"),
        emptied_by(ANY).alias("emptied"),
        emptied_by("array('order_returned')").alias("returned"),
        back("units", ["order_cancelled"]).alias("cancelled"),
    )  # fmt: skip
    held = defaultdict(list)
    for row in found.collect():
        held[row.event_id.partition("/")[0]].append(row)
    return held


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_taken_back(case: Case, lines):
    money: dict[str, dict[str, Decimal]] = {who: {} for who in case.revenue}
    lifted = {}
    for row in lines[case.name]:
        kept = money[row.person_id.partition("/")[2]]
        left = Decimal(row.paid - row.money_back) / PARTS
        kept[row.currency] = kept.get(row.currency, Decimal(0)) + left
        at = f"{row.event_id.partition('/')[2]}/{row.line_number}"
        if row.sku is not None:
            lifted[at] = row.emptied and row.emptied.event_id.partition("/")[2]
        assert (row.units_back == row.units) == (row.emptied is not None)
    wanted = {
        who: {currency: Decimal(str(value)) for currency, value in kept.items()}
        for who, kept in case.revenue.items()
    }
    assert (money, lifted) == (wanted, case.lifted)


def test_only_the_types_that_count_empty_a_line(lines):
    def named(case: str) -> list[Any]:
        return sorted(lines[case], key=lambda row: row.line_number)

    (one,) = named("one cancelled, two returned")
    assert (one.cancelled, one.returned) == (PARTS, None)
    first, second = named("what was cancelled is not there to be returned")
    assert (first.cancelled, second.cancelled) == (0, PARTS)
    assert (first.returned.event_id.rpartition("/")[2], second.returned) == ("r", None)
    (refunded,) = named("and then the rest")
    assert refunded.returned is None


def test_without_any_take_back_the_lines_are_the_same(spark):
    told = timeline(spark, [row for case in CASES for row in rows(case)])
    placed = told.where(F.col("type") == "order_placed")
    plain = settled_lines(placed, currency="USD", has_reversals=False)
    planned = settled_lines(placed, currency="USD").select(*plain.columns)
    assert sorted(plain.collect(), key=str) == sorted(planned.collect(), key=str)
