"""Sharing out: whatever is taken back of whatever was bought, product and oracle agree."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tactful.schemas.events import REVERSALS
from tactful.transforms.allotting import back
from tactful.transforms.settled import PARTS, settled_lines
from tests.oracle.returns import Line, Take, shared
from tests.timelines import START, Told, timeline

SHOPS = 300


@pytest.mark.parametrize("seed", [1, 2])
def test_product_and_oracle_share_out_alike(spark, seed: int) -> None:
    dice = random.Random(seed)
    rows = [row for number in range(SHOPS) for row in _shop(dice, number)]
    found = settled_lines(timeline(spark, rows), currency="USD").select(
        "order_id", "line_number", "taken", back("units").alias("units"), back("paid").alias("paid")
    )
    product = {
        (row.order_id, row.line_number): (
            _summed((s.event.event_id, s.units, s.money) for s in row.taken), row.units, row.paid
        )
        for row in found.collect()
    }  # fmt: skip
    oracle = {
        (line.order_id, line.line_number): (
            _summed((t.event_id, units, money) for t, units, money in line.shares),
            line.back(1),
            line.back(2),
        )
        for line in shared(*_as_the_oracle_reads(rows))
    }
    assert product == oracle
    assert sum(bool(taken) for taken, _, _ in oracle.values()) > SHOPS / 3


def _summed(shares: Any) -> dict[str, tuple[int, int]]:
    units, money = Counter(), Counter()
    for event_id, part, given in shares:
        units[event_id] += part
        money[event_id] += given
    return {name: (units[name], money[name]) for name in units if units[name] or money[name]}


def _shop(dice: random.Random, number: int) -> list[Told]:
    """A few orders of two persons, some sent twice, and what is said of them or of no order."""
    pick, rows = dice.choice, []
    persons = (f"p_{number}a", f"p_{number}a", f"p_{number}b", f"n_{number}", None)

    def event(type_: str, order_id: str, currency: str | None, *lines: Told) -> None:
        at, event_id = timedelta(days=dice.randrange(10)), f"{number}-{len(rows)}"
        told = {"person_id": pick(persons), "stream": "purchases", "type": type_,
                "occurred_at": START + at, "order_id": order_id, "currency": currency}  # fmt: skip
        rows.extend(
            {"event_id": event_id, **told, "line_number": place, **_decimals(line)}
            for place, line in enumerate(lines)
        )

    orders = [f"{number}o{n}" for n in range(3)]
    for order_id in orders:
        for _ in range(pick((1, 1, 1, 2))):
            event("order_placed", order_id, pick((None, None, "EUR")), *(
                {"line_id": pick((None, f"l{n}", f"l{n}")), "sku": pick(("a", "a", "b", None)),
                 "quantity": pick((None, 1, 1, 2, 3, 0, 0.35, -2)),
                 "amount": pick((None, 0, 10, 10, 20, 7.0001, -3))}
                for n in range(pick((1, 2, 3)))
            ))  # fmt: skip
    for _ in range(dice.randrange(6)):
        named = pick((*orders, orders[0], f"{number}x", f"{number}y", f"{number}z"))
        event(pick(REVERSALS), named, pick((None, None, "USD", "EUR")), *(
            {"line_id": pick((None, None, "l0", "l1", "l9")), "sku": pick(("a", "a", "b", None)),
             "quantity": pick((None, None, 1, 1, -1, 2, 0, 0.35)),
             "amount": pick((None, None, 0, 10, -10, 4, 3.3333, -20, 100))}
            for _ in range(pick((1, 1, 2)))
        ))  # fmt: skip
    return rows


def _decimals(line: Told) -> Told:
    numbers = {name: line[name] for name in ("quantity", "amount")}
    return {**line, **{k: None if v is None else Decimal(str(v)) for k, v in numbers.items()}}


def _as_the_oracle_reads(rows: list[Told]) -> tuple[list[Line], list[Take]]:
    placed: dict[str, list[Told]] = defaultdict(list)
    takes = []
    for row in rows:
        if row["type"] == "order_placed":
            placed[row["order_id"]].append(row)
        else:
            quantity, amount = row["quantity"], row["amount"]
            units = _parts(abs(quantity)) if quantity else None
            money = None if amount is None else _parts(abs(amount))
            takes.append(Take(**_told(row, "type"), currency=row["currency"],
                              units=units, money=money))  # fmt: skip
    lines = []
    for told in placed.values():
        first = min((row["occurred_at"], row["event_id"]) for row in told)
        named = [row for row in told if row["person_id"]] or told
        buyer = min(named, key=lambda row: (row["occurred_at"], row["event_id"]))["person_id"]
        lines += [
            Line(
                **{**_told(row), "person_id": buyer},
                currency=row["currency"] or "USD",
                units=_parts(abs(row["quantity"]) if row["quantity"] else Decimal(1)),
                paid=paid,
            )
            for row, paid in _netted(
                [row for row in told if (row["occurred_at"], row["event_id"]) == first]
            )
        ]
    return lines, takes


def _netted(lines: list[Told]) -> Iterator[tuple[Told, int]]:
    """Each line with what was paid for it: lines of negative amounts lower the others."""
    parts = [_parts(row["amount"] or Decimal(0)) for row in lines]
    every = sum(own for own in parts if own > 0)
    off = min(every, -sum(own for own in parts if own < 0))
    upto = before = 0
    for row, own in zip(lines, parts, strict=True):
        upto += max(own, 0)
        part = off * upto // every if every else 0
        yield row, max(own, 0) - (part - before)
        before = part


def _told(row: Told, *more: str) -> dict[str, Any]:
    names = ("occurred_at", "event_id", "line_number", "person_id", "order_id", "line_id", "sku")
    return {name: row[name] for name in (*names, *more)}


def _parts(number: Decimal) -> int:
    return int(number * PARTS)
