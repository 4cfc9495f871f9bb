"""What was taken back of what was bought, order by order and person by person, in plain Python.

Quantities and money are whole ten-thousandths, as the rules share them out (DESIGN 6, purchases).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from duckdb import DuckDBPyConnection

CANCELLED, RETURNED, REFUNDED = "order_cancelled", "order_returned", "order_refunded"
ONE_UNIT = 10_000

TAKES = """
SELECT occurred_at, event_id, line_number, type, person_id, order_id, line_id, sku, currency,
    CAST(CAST(nullif(abs(quantity), 0) AS DECIMAL(28, 4)) * 10000 AS BIGINT) AS units,
    CAST(CAST(abs(amount) AS DECIMAL(28, 4)) * 10000 AS BIGINT) AS money
FROM lines
WHERE type IN ('order_cancelled', 'order_returned', 'order_refunded')
"""
# Only what something may act on leaves the database.
BOUGHT = """
SELECT occurred_at, event_id, line_number, person_id, order_id, line_id, sku, currency, units, paid
FROM bought
WHERE order_id IN (SELECT order_id FROM takes)
    OR (person_id, sku) IN (
        SELECT (person_id, sku) FROM takes WHERE order_id NOT IN (SELECT order_id FROM bought)
    )
"""
TAKEN = """
CREATE TABLE taken (
    order_id VARCHAR, line_number INTEGER, occurred_at TIMESTAMP, event_id VARCHAR, type VARCHAR,
    number VARCHAR, goods BOOLEAN, units BIGINT, money BIGINT
)
"""


@dataclass(frozen=True)
class Take:
    """A line of a cancellation, return or refund; without units or money where it told none."""

    occurred_at: Any
    event_id: str
    line_number: int
    type: str
    person_id: str | None
    order_id: str
    line_id: str | None
    sku: str | None
    currency: str | None
    units: int | None
    money: int | None

    @property
    def at(self) -> tuple[Any, str]:
        return self.occurred_at, self.event_id

    def names(self, line: Line) -> bool:
        if self.line_id is not None:
            return self.line_id == line.line_id
        return self.sku is None or self.sku == line.sku

    @property
    def goods(self) -> bool:
        """Whether things come back, and not money alone."""
        if self.type != REFUNDED or self.money is None:
            return True
        return self.units is not None and self.breadth < 2

    def of(self, currency: str) -> int | None:
        """Its money where that currency counts; of another one nobody says what it is worth.

        Goods that come back then take their part of what was paid, as where no money is told.
        """
        if self.money is None or self.currency is None or self.currency == currency:
            return self.money
        return None if self.goods else 0

    @property
    def breadth(self) -> int:
        """0 for a line, 1 for a product, 2 for an order."""
        return 0 if self.line_id is not None else 2 if self.sku is None else 1


@dataclass
class Line:
    """A bought line, and who took how much of it."""

    occurred_at: Any
    event_id: str
    line_number: int
    person_id: str | None
    order_id: str
    line_id: str | None
    sku: str | None
    currency: str
    units: int
    paid: int
    shares: list[tuple[Take, int, int]] = field(default_factory=list)

    @property
    def at(self) -> tuple[Any, str]:
        return self.occurred_at, self.event_id

    def told(self, what: int, *types: str, number: str) -> int:
        """How many units (what = 1) or how much money (2) such events took, one beside another."""
        return sum(
            share[what]
            for share in self.shares
            if share[0].type in types and share[0].order_id == number
        )

    def sides(self, what: int, number: str) -> tuple[int, int]:
        """What goods tell of and what money tells of, under one number."""
        goods = self.told(what, CANCELLED, RETURNED, number=number)
        return min(self.whole(what), goods), self.told(what, REFUNDED, number=number)

    def whole(self, what: int) -> int:
        return self.units if what == 1 else self.paid

    def back(self, what: int) -> int:
        numbers = {take.order_id for take, _, _ in self.shares}
        return min(self.whole(what), sum(max(self.sides(what, n)) for n in numbers))


def share_out(db: DuckDBPyConnection) -> None:
    """Make `taken`: which event took how much of which bought line."""
    db.execute(f"CREATE OR REPLACE TEMP TABLE takes AS {TAKES}")
    takes = [Take(*row) for row in db.execute("FROM takes").fetchall()]
    lines = [Line(*row) for row in db.execute(BOUGHT).fetchall()] if takes else []
    shares = [
        (
            line.order_id,
            line.line_number,
            *take.at,
            take.type,
            take.order_id,
            take.goods,
            units,
            money,
        )
        for line in shared(lines, takes)
        for take, units, money in line.shares
    ]
    db.execute(TAKEN)
    if shares:
        db.executemany("INSERT INTO taken VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", shares)
    db.execute("DROP TABLE takes")


def shared(lines: list[Line], takes: list[Take]) -> list[Line]:
    """Under the order's own number first; then what names an order that nobody placed."""
    orders: dict[str, list[Line]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: line.line_number, reverse=True):
        orders[line.order_id].append(line)
    for take in sorted(takes, key=lambda take: (take.breadth, take.at, take.line_number)):
        if take.order_id in orders:
            _in_order(take, orders[take.order_id])
    _of_persons(lines, [take for take in takes if take.order_id not in orders])
    return lines


def _in_order(take: Take, lines: list[Line]) -> None:
    """Act on an order: on its line, on its lines of a product, or on all."""
    fitting = [line for line in lines if take.names(line)]
    money = take.of(lines[0].currency)
    if money is None and (take.units is None or take.breadth == 2):
        for line in fitting:
            line.shares.append((take, *(_left(take, line, what) for what in (1, 2))))
    elif take.breadth == 2:
        _money(take, fitting, money, takes_goods=False)
        if money and any(line.paid for line in lines) and not any(
            _left(take, line, 2) for line in lines
        ):  # fmt: skip
            for line in lines:
                line.shares.append((take, _left(take, line, 1), 0))
    elif take.units is None and any(line.paid for line in fitting):
        _money(take, fitting, money, takes_goods=True)
    else:
        _units(take, fitting, ONE_UNIT if take.units is None else take.units, money)


def _left(take: Take, line: Line, what: int) -> int:
    """What events of this type have not yet told of."""
    return line.whole(what) - line.told(what, take.type, number=take.order_id)


def _room(take: Take, line: Line, what: int, turn: int) -> int:
    """First what only the other side told of, then what no side told of, then the rest."""
    goods, refunds = line.sides(what, take.order_id)
    own, other = (refunds, goods) if take.type == REFUNDED else (goods, refunds)
    return max(0, (other - own, line.whole(what) - own, _left(take, line, what))[turn])


def _turns(lines: list[Line]) -> Iterator[tuple[Line, int]]:
    for turn in range(3):
        for line in lines:
            yield line, turn


def _money(take: Take, lines: list[Line], money: int, *, takes_goods: bool) -> None:
    for line, turn in _turns(lines):
        given = min(money, _room(take, line, 2, turn))
        money -= given
        if given:
            left = _left(take, line, 1)
            whole = given == _left(take, line, 2)
            units = left if whole else min(left, line.units * given // line.paid)
            line.shares.append((take, units if takes_goods else 0, given))


def _units(take: Take, lines: list[Line], units: int, money: int | None) -> None:
    wanted = money
    for line, turn in _turns(lines):
        taken = min(units, _room(take, line, 1, turn))
        units -= taken
        if money is None:
            left = _left(take, line, 2)
            whole = taken == _left(take, line, 1)
            given = left if whole else min(left, line.paid * taken // line.units)
            given = given if taken else 0
        else:
            given = min(wanted, _room(take, line, 2, turn))
            wanted -= given
        if taken or given:
            line.shares.append((take, taken, given))


def _of_persons(lines: list[Line], takes: list[Take]) -> None:
    """What names orders that nobody placed acts on what its person bought of the product before.

    A number's events about a product are one matter, of the time of the first of them.
    """
    since: dict[tuple[str, str | None], Any] = {}
    for take in takes:
        key = take.order_id, take.sku
        since[key] = min(since.get(key, take.at), take.at)
    bought: dict[tuple[str | None, str | None], list[Line]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: (line.at, line.line_number), reverse=True):
        bought[line.person_id, line.sku].append(line)
    own = [take for take in takes if take.sku is not None and _is_person(take.person_id)]
    key = lambda take: (take.person_id, take.sku, since[take.order_id, take.sku], take.order_id)  # noqa: E731
    own.sort(key=lambda take: (*key(take), take.at, take.line_number))
    for (person_id, sku, at, number), matter in groupby(own, key):
        before = [line for line in bought[person_id, sku] if line.at < at]
        _matter(before, list(matter), number)


def _is_person(person_id: str | None) -> bool:
    return person_id is not None and person_id.startswith("p_")


def _matter(lines: list[Line], takes: Iterable[Take], number: str) -> None:
    free = {id(line): [line.whole(what) - line.back(what) for what in (1, 2)] for line in lines}
    whole = {id(line): _left_by_own_number(line) for line in lines}
    for take in takes:
        units = ONE_UNIT if take.units is None else take.units
        money = take.money
        for line in lines:
            side = (REFUNDED,) if take.type == REFUNDED else (CANCELLED, RETURNED)
            room = [
                free[id(line)][what - 1] - line.told(what, *side, number=number) for what in (1, 2)
            ]
            taken = min(units, room[0])
            if not taken:
                continue
            units -= taken
            if take.of(line.currency) is None:
                of_units, of_paid = whole[id(line)]
                given = room[1] if taken == room[0] else min(room[1], of_paid * taken // of_units)
            elif take.currency is not None and take.currency != line.currency:
                given = 0
            else:
                given = min(money, room[1])
                money -= given
            line.shares.append((take, taken, given))


def _left_by_own_number(line: Line) -> tuple[int, int]:
    """What its own order's events have left of a line."""
    return tuple(line.whole(what) - max(line.sides(what, line.order_id)) for what in (1, 2))
