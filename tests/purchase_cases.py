"""What is taken back of what was bought, told case by case, with what must come out of each.

The answers are worked out by hand. Oracle, transforms and whole runs are held to the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

START = datetime(2026, 3, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=20)
RULE = {"name": "bought_much", "when": "purchased", "match": "sku", "lasts": "60d"}

Told = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """Events, what each customer's money then is, and what ended which line's suppression.

    revenue: per customer, in USD where nothing is said. lifted: per bought line, as event/place,
    the event that lifted it, or None. Lines without a suppression are not named.
    """

    name: str
    events: list[Told]
    revenue: dict[str, dict[str, float]]
    lifted: dict[str, str | None]

    @property
    def landing(self) -> list[Told]:
        """The events with names that no other case has."""
        return [_named(self.name, told) for told in self.events]


def _named(case: str, told: Told) -> Told:
    who = told["who"]
    ids = [{"type": "customer_id", "value": f"{case}/{who}"}] if who else []
    rest = {name: value for name, value in told.items() if name != "who"}
    names = {name: f"{case}/{told[name]}" for name in ("event_id", "order_id")}
    return {**rest, **names, "identifiers": ids}


def _event(event_id: str, type_: str, day: float, order_id: str, *lines: Told, **told: Any) -> Told:
    at = (START + timedelta(days=day)).isoformat()
    said = {"event_id": event_id, "type": type_, "occurred_at": at, "order_id": order_id}
    return {**said, "who": "ann", **({"lines": list(lines)} if lines else {}), **told}


def buys(event_id: str, day: float, *lines: Told, order_id: str = "o", **told: Any) -> Told:
    return _event(event_id, "order_placed", day, order_id, *lines, **told)


def back(event_id: str, day: float, *lines: Told, order_id: str = "o", **told: Any) -> Told:
    return _event(event_id, "order_returned", day, order_id, *lines, **{"who": None, **told})


def refund(event_id: str, day: float, *lines: Told, order_id: str = "o", **told: Any) -> Told:
    return _event(event_id, "order_refunded", day, order_id, *lines, **{"who": None, **told})


def cancel(event_id: str, day: float, *lines: Told, order_id: str = "o", **told: Any) -> Told:
    return _event(event_id, "order_cancelled", day, order_id, *lines, **{"who": None, **told})


def line(sku: str | None = None, amount: float | None = None, **told: Any) -> Told:
    said = {"sku": sku, "amount": amount, **told}
    return {name: value for name, value in said.items() if value is not None}


def till(event_id: str, day: float, *lines: Told, who: str | None = "ann", **told: Any) -> Told:
    """A return under the till's own number."""
    return back(event_id, day, *lines, order_id=event_id, who=who, **told)


JEANS = line("jeans", 10)
FIRST, SECOND = line("jeans", 10, line_id="1"), line("jeans", 10, line_id="2")
THREE = line("jeans", 30, line_id="1", quantity=3)
TWO_KEPT = {"ann": {"USD": 20}}
ONE_KEPT = {"ann": {"USD": 10}}
NONE_KEPT = {"ann": {"USD": 0}}

CASES = [
    # --- of an order that was placed
    Case("a product of two such lines: the latest, once",
         [buys("b", 1, JEANS, JEANS), back("r", 2, JEANS)],
         ONE_KEPT, {"b/0": None, "b/1": "r"}),
    Case("and then the other",
         [buys("b", 1, JEANS, JEANS), back("r", 2, JEANS), back("s", 3, JEANS)],
         NONE_KEPT, {"b/0": "s", "b/1": "r"}),
    Case("both at once",
         [buys("b", 1, JEANS, JEANS), back("r", 2, line("jeans", 20, quantity=2))],
         NONE_KEPT, {"b/0": "r", "b/1": "r"}),
    Case("as tills write it, with a minus",
         [buys("b", 1, JEANS, JEANS), back("r", 2, line("jeans", -10, quantity=-1))],
         ONE_KEPT, {"b/0": None, "b/1": "r"}),
    Case("priced with a minus, and a discount",
         [buys("b", 1, JEANS, line("jeans", 8)),
          back("r", 2, line("jeans", quantity=-1, unit_price=10, discount=2))],
         ONE_KEPT, {"b/0": None, "b/1": "r"}),
    Case("more than was paid for the line that is named",
         [buys("b", 1, FIRST, SECOND), refund("r", 2, line(amount=50, line_id="1"))],
         ONE_KEPT, {"b/0": "r", "b/1": None}),
    Case("the line that the event names",
         [buys("b", 1, FIRST, SECOND), back("r", 2, line_id="1")],
         ONE_KEPT, {"b/0": "r", "b/1": None}),
    Case("a line that is not there",
         [buys("b", 1, FIRST, SECOND), back("r", 2, line_id="9")],
         TWO_KEPT, {"b/0": None, "b/1": None}),
    Case("nothing named is the whole order",
         [buys("b", 1, FIRST, SECOND), refund("r", 2)],
         NONE_KEPT, {"b/0": "r", "b/1": "r"}),
    Case("a refund for goodwill lowers money and lifts nothing",
         [buys("b", 1, FIRST, SECOND), refund("r", 2, line(amount=5))],
         {"ann": {"USD": 15}}, {"b/0": None, "b/1": None}),
    Case("also where it is a whole line's worth",
         [buys("b", 1, FIRST, SECOND), refund("r", 2, line(amount=10))],
         ONE_KEPT, {"b/0": None, "b/1": None}),
    Case("unless it covers the order",
         [buys("b", 1, FIRST, SECOND), refund("r", 2, line(amount=25))],
         NONE_KEPT, {"b/0": "r", "b/1": "r"}),
    Case("or both together do",
         [buys("b", 1, FIRST, SECOND), refund("r", 2, line(amount=12)),
          refund("s", 3, line(amount=8))],
         NONE_KEPT, {"b/0": "s", "b/1": "s"}),
    Case("goodwill beside a refund of a line",
         [buys("b", 1, FIRST, SECOND), refund("r", 2, line(amount=5)),
          refund("s", 3, line(amount=10, line_id="2"))],
         {"ann": {"USD": 5}}, {"b/0": None, "b/1": "s"}),
    Case("one of three",
         [buys("b", 1, THREE), back("r", 2, line("jeans", 10, quantity=1))],
         TWO_KEPT, {"b/0": None}),
    Case("one of three, without its money",
         [buys("b", 1, THREE), back("r", 2, line("jeans", quantity=1))],
         TWO_KEPT, {"b/0": None}),
    Case("one of three, and then two",
         [buys("b", 1, THREE), back("r", 2, line("jeans", quantity=1)),
          back("s", 3, line("jeans", quantity=-2))],
         NONE_KEPT, {"b/0": "s"}),
    Case("one cancelled, two returned",
         [buys("b", 1, THREE), cancel("c", 1.5, line("jeans", quantity=1)),
          back("s", 3, line("jeans", quantity=2))],
         NONE_KEPT, {"b/0": "s"}),
    Case("a part of the price is given back, the thing is kept",
         [buys("b", 1, FIRST), refund("r", 2, line(amount=4, line_id="1"))],
         {"ann": {"USD": 6}}, {"b/0": None}),
    Case("and then the rest",
         [buys("b", 1, FIRST), refund("r", 2, line(amount=4, line_id="1")),
          refund("s", 3, line(amount=6, line_id="1"))],
         NONE_KEPT, {"b/0": "s"}),
    Case("a return and its refund count once",
         [buys("b", 1, FIRST, SECOND), back("r", 2, line(amount=10, line_id="1")),
          refund("s", 3, line(amount=10, line_id="1"))],
         ONE_KEPT, {"b/0": "r", "b/1": None}),
    Case("also where the refund names only the product",
         [buys("b", 1, FIRST, SECOND), back("r", 2, line_id="1"), refund("s", 3, JEANS)],
         ONE_KEPT, {"b/0": "r", "b/1": None}),
    Case("or nothing",
         [buys("b", 1, FIRST, SECOND), back("r", 2, line_id="1"), refund("s", 3, line(amount=10))],
         ONE_KEPT, {"b/0": "r", "b/1": None}),
    Case("or comes first",
         [buys("b", 1, FIRST, SECOND), refund("s", 2, line(amount=10, line_id="1")),
          back("r", 3, JEANS)],
         ONE_KEPT, {"b/0": "s", "b/1": None}),
    Case("what was cancelled is not there to be returned",
         [buys("b", 1, FIRST, SECOND), cancel("c", 2, line_id="2"),
          back("r", 3, line("jeans", quantity=1))],
         NONE_KEPT, {"b/0": "r", "b/1": "c"}),
    Case("another currency lowers nothing",
         [buys("b", 1, FIRST, currency="EUR"), refund("r", 2, line(amount=10), currency="USD"),
          refund("s", 2, line("jeans", 10), currency="USD")],
         {"ann": {"EUR": 10}}, {"b/0": None}),
    Case("but goods that came back are back",
         [buys("b", 1, FIRST, currency="EUR"),
          back("r", 2, line("jeans", 12, quantity=1), currency="USD")],
         {"ann": {"EUR": 0}}, {"b/0": "r"}),
    Case("with their part of what was paid, all of it where no quantity is told",
         [buys("b", 1, line("jeans", 30, line_id="1", quantity=3), SECOND, currency="EUR"),
          back("r", 2, line("jeans", 12, line_id="1", quantity=1), currency="USD"),
          back("s", 3, line(amount=12, line_id="2"), currency="USD")],
         {"ann": {"EUR": 20}}, {"b/0": None, "b/1": "s"}),
    Case("also by a refund that tells how many",
         [buys("b", 1, FIRST, SECOND, currency="EUR"),
          refund("r", 2, line("jeans", 12, quantity=1), currency="USD")],
         {"ann": {"EUR": 10}}, {"b/0": None, "b/1": "r"}),
    Case("or the whole order",
         [buys("b", 1, FIRST, SECOND, currency="EUR"),
          cancel("c", 2, line(amount=25), currency="USD")],
         {"ann": {"EUR": 0}}, {"b/0": "c", "b/1": "c"}),
    Case("without amounts there is no other currency",
         [buys("b", 1, FIRST, currency="EUR"), back("r", 2, currency="USD")],
         {"ann": {"EUR": 0}}, {"b/0": "r"}),
    Case("a weighed line is what it weighs",
         [buys("b", 1, line("beans", 3.5, quantity=0.35), line("mat", 3.5, quantity=0.35)),
          back("r", 2, line("beans", quantity=0.35)), back("s", 2, line("mat", quantity=0.15))],
         {"ann": {"USD": 2}}, {"b/0": "r", "b/1": None}),
    Case("a line of quantity 0 is one unit",
         [buys("b", 1, line("jeans", 10, quantity=0)), back("r", 2, line("jeans", quantity=1))],
         NONE_KEPT, {"b/0": "r"}),
    Case("of what cost nothing, money is one unit",
         [buys("b", 1, line("jeans"), line("mat", 0, quantity=2)), refund("r", 2, JEANS),
          refund("s", 2, line("mat", 5))],
         NONE_KEPT, {"b/0": "r", "b/1": None}),
    Case("what came first takes the order when it arrives",
         [back("r", 1, line_id="1"), buys("b", 2, FIRST, SECOND)],
         ONE_KEPT, {"b/0": "r", "b/1": None}),
    # --- lines that lower what others cost
    Case("a voucher is taken off, and a refund of the rest covers the order",
         [buys("b", 1, FIRST, SECOND, line(amount=-5)), refund("r", 2, line(amount=15))],
         NONE_KEPT, {"b/0": "r", "b/1": "r"}),
    Case("each line by its part",
         [buys("b", 1, line("jeans", 30, line_id="1"), line("mat", 10), line(amount=-8)),
          back("r", 2, line_id="1")],
         {"ann": {"USD": 8}}, {"b/0": "r", "b/1": None}),
    Case("from the first line on they add up",
         [buys("b", 1, line("jeans", 1), line("mat", 1), line("jeans", 1), line(amount=-1)),
          back("r", 2, line("mat"))],
         {"ann": {"USD": 1.3333}}, {"b/0": None, "b/1": "r", "b/2": None}),
    Case("and never below nothing",
         [buys("b", 1, FIRST, line(amount=-12)), buys("c", 2, JEANS, order_id="2")],
         ONE_KEPT, {"b/0": None, "c/0": None}),
    # --- an order sent twice
    Case("an order sent twice was placed when first sent",
         [buys("b", 1, FIRST), buys("again", 2, FIRST)], ONE_KEPT, {"b/0": None}),
    Case("by whom it was first placed",
         [buys("again", 2, FIRST), buys("b", 1, FIRST, who="bob"), back("r", 3)],
         {"ann": {}, "bob": {"USD": 0}}, {"b/0": "r"}),
    Case("at one moment by the smaller event",
         [buys("z", 1, FIRST, who="bob"), buys("b", 1, SECOND)], ONE_KEPT | {"bob": {}},
         {"b/0": None}),
    Case("of whom it first names, when it was first sent",
         [buys("b", 1, FIRST, who=None), buys("again", 2, SECOND, who="bob"),
          buys("ann", 3, FIRST)],
         {"ann": {}, "bob": {"USD": 10}}, {"b/0": None}),
    Case("also where who is named comes first",
         [buys("again", 2, SECOND), buys("b", 1, FIRST, who=None), back("r", 3, line_id="1")],
         NONE_KEPT, {"b/0": "r"}),
    Case("and then a till's return is of what they bought",
         [buys("b", 1, JEANS, who=None), buys("again", 2, JEANS), till("r", 3, JEANS)],
         NONE_KEPT, {"b/0": "r"}),
    # --- under numbers that nobody placed
    Case("the latest purchase, then the one before, then none",
         [buys("a", 1, JEANS, order_id="1"), buys("b", 3, JEANS, order_id="2"), till("r", 5, JEANS),
          till("s", 6, JEANS), till("t", 7, JEANS)],
         NONE_KEPT, {"a/0": "s", "b/0": "r"}),
    Case("only what was bought before",
         [till("r", 2, JEANS), buys("a", 3, JEANS)], ONE_KEPT, {"a/0": None}),
    Case("only one's own, and only by product",
         [buys("a", 1, FIRST), till("r", 5, JEANS, who="bob"), till("s", 5, JEANS, who=None),
          till("t", 5, line(amount=10)), till("u", 5), till("v", 5, line("mat", 10))],
         ONE_KEPT, {"a/0": None}),
    Case("quantity by quantity",
         [buys("a", 1, THREE, order_id="1"), buys("b", 2, JEANS, order_id="2"),
          till("r", 3, line("jeans", 20, quantity=-2))],
         TWO_KEPT, {"a/0": None, "b/0": "r"}),
    Case("a line without quantity is one unit",
         [buys("a", 1, THREE), till("r", 2, line("jeans"))], TWO_KEPT, {"a/0": None}),
    Case("not what is taken back under its own number",
         [buys("a", 1, JEANS, order_id="1"), buys("b", 2, JEANS, order_id="2"), till("r", 3, JEANS),
          back("s", 9, order_id="2")],
         NONE_KEPT, {"a/0": "r", "b/0": "s"}),
    Case("a return and its refund under one number are one matter of the first time",
         [buys("a", 1, JEANS, order_id="1"), till("r", 2, JEANS),
          buys("b", 3, JEANS, order_id="2"), refund("s", 4, JEANS, order_id="r", who="ann")],
         ONE_KEPT, {"a/0": "r", "b/0": None}),
    Case("but two numbers are two matters",
         [buys("a", 1, JEANS, order_id="1"), buys("b", 2, JEANS, order_id="2"), till("r", 3, JEANS),
          refund("s", 4, JEANS, order_id="s", who="ann")],
         NONE_KEPT, {"a/0": "s", "b/0": "r"}),
    Case("at most what was paid, whatever the currency",
         [buys("a", 1, JEANS, order_id="1"), buys("b", 2, JEANS, order_id="2", currency="EUR"),
          till("r", 3, line("jeans", 10, quantity=1), currency="USD"),
          till("s", 4, line("jeans", 99, quantity=1), currency="USD")],
         {"ann": {"USD": 0, "EUR": 0}}, {"a/0": "s", "b/0": "r"}),
    Case("until the order arrives under its number",
         [buys("a", 1, JEANS, order_id="1"), buys("b", 4, JEANS, order_id="2"),
          back("r", 3, JEANS, order_id="2", who="ann")],
         ONE_KEPT, {"a/0": None, "b/0": "r"}),
]  # fmt: skip


def assert_as_told(case: Case, tables: dict[str, list[Told]], names: dict[str, str]) -> None:
    """Hold published tables to a case; names: the customer_id of each person_id."""
    mine = {person: value.partition("/")[2] for person, value in names.items()
            if value.startswith(f"{case.name}/")}  # fmt: skip
    revenue = {
        mine[row["person_id"]]: dict(row["revenue"])
        for row in tables["customers"]
        if row["person_id"] in mine
    }
    wanted = {
        who: {currency: Decimal(str(money)) for currency, money in kept.items()}
        for who, kept in case.revenue.items()
    }
    # Somebody who only sent a return is a customer without revenue.
    assert {who: kept for who, kept in revenue.items() if kept or who in wanted} == wanted
    bought = {f"{told['event_id']}/{place}": (told["occurred_at"], of.get("sku"))
              for told in case.events if told["type"] == "order_placed"
              for place, of in enumerate(told["lines"])}  # fmt: skip
    lifts: dict[tuple[str, Any], list[str | None]] = {}
    for row in tables["suppressions"]:
        if row["person_id"] in mine:
            (cause,) = row["evidence"]
            lifted_by = row["lifted_by"] and row["lifted_by"].rpartition("/")[2]
            key = cause.rpartition("/")[2], row["scope"][0]["values"][0]
            lifts.setdefault(key, []).append(lifted_by)
    expected: dict[tuple[str, Any], list[str | None]] = {}
    for at, lifted_by in case.lifted.items():
        expected.setdefault((at.partition("/")[0], bought[at][1]), []).append(lifted_by)
    order = {key: sorted(told, key=str) for key, told in lifts.items()}
    assert order == {key: sorted(told, key=str) for key, told in expected.items()}
