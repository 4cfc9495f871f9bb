"""Who is known in the status: how much of events and revenue is of persons, week by week."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.answers import counted
from tactful.jobs.commands.tables_here import Tables
from tactful.schemas.words import MANUAL_LINK_TYPES

# A person is known when the row has one; "n_…" is a shared device that belongs to nobody.
KNOWN = "person_id IS NOT NULL AND person_id NOT LIKE 'n\\_%' ESCAPE '\\'"
# A word of the business is nobody's, and no event of somebody who is not known.
EVENT_SHARE = f"""
    SELECT count(*) AS events, count(*) FILTER (WHERE {KNOWN}) AS known
    FROM timeline WHERE line_number = 0 AND type NOT IN {MANUAL_LINK_TYPES}
"""
FIRST_PLACED = """
    SELECT * FROM (
        SELECT *, rank() OVER (PARTITION BY order_id ORDER BY occurred_at, event_id) AS time
        FROM timeline WHERE type = 'order_placed') AS placed
    WHERE time = 1
"""
# An order costs what all its lines tell together, and none costs less than nothing.
REVENUE_SHARE = f"""
    SELECT currency, sum(paid) AS revenue, sum(paid) FILTER (WHERE is_known) AS known
    FROM (SELECT order_id, coalesce(currency, '{{own}}') AS currency, sum(amount) AS paid,
                 bool_or({KNOWN}) AS is_known
          FROM ({FIRST_PLACED}) AS lines
          GROUP BY order_id, coalesce(currency, '{{own}}')) AS orders
    WHERE paid > 0
    GROUP BY currency ORDER BY currency
"""
NEGATIVE_LINES = f"""
    SELECT count(*) FILTER (WHERE amount < 0) AS lowering,
           count(*) FILTER (WHERE quantity < 0 AND coalesce(amount, 0) >= 0) AS bought
    FROM ({FIRST_PLACED}) AS lines
"""
# What orders are in that name no currency, where no configuration says it.
OWN = "the business''s own currency"
# The newest weeks in which anything happened, over all sources and streams.
NEWEST_WEEKS = """
    SELECT week_on, sum(events) AS events, sum(known_events) AS known_events,
           sum(revenue) AS revenue, sum(known_revenue) AS known_revenue,
           sum(unpriced_orders) AS unpriced_orders
    FROM known_shares GROUP BY week_on ORDER BY week_on DESC LIMIT 4
"""

# What a customer's orders of a year have to be worth to be of the best tenth of those who ordered.
BEST_TENTH = """
    SELECT min(revenue_365d) FILTER (WHERE place * 10 <= customers + 9) AS reached,
           count(*) FILTER (WHERE valued) AS valued
    FROM (SELECT revenue_365d, valued, row_number() OVER (ORDER BY revenue_365d DESC) AS place,
                 count(*) OVER () AS customers
          FROM customer_scores WHERE revenue_365d > 0) AS placed
"""


def known_facts(tables: Tables, currency: str | None) -> dict[str, Any]:
    """The share of events and of revenue that belongs to a known person.

    currency: the business's own, where a configuration says it.
    """
    counted = tables.ask_one(EVENT_SHARE, "timeline")
    revenue = {
        row["currency"]: _share(row["known"] or 0, row["revenue"])
        for row in tables.ask(REVENUE_SHARE.format(own=currency or OWN), "timeline")
    }
    return {
        "events": _share(counted.get("known"), counted.get("events")),
        "revenue": revenue,
        "weeks": [_week(row) for row in tables.ask(NEWEST_WEEKS, "known_shares")],
        "best_tenth": _best_tenth(tables),
        "negative_lines": next(
            iter(tables.ask(NEGATIVE_LINES, "timeline", needs="quantity")),
            {"lowering": 0, "bought": 0},
        ),
    }


def known_lines(known: Mapping[str, Any]) -> Iterator[str]:
    """The same as sentences, the newest week first."""
    yield f"Events of known persons: {_percent(known['events'])}"
    for currency, share in known["revenue"].items():
        yield f"Revenue in {escape(currency)} of known persons: {_percent(share)}"
    yield from _negative_lines(known["negative_lines"])
    yield from _week_lines(known["weeks"])
    if known["best_tenth"]:
        told = known["best_tenth"]
        yield (
            f"The best tenth of a year's customers: from {told['reached']} on "
            f"(value.valued_from); valued are {told['valued']:,}"
        )


def _negative_lines(told: Mapping[str, int]) -> Iterator[str]:
    """What lines of orders say below nothing, and what was made of it."""
    if told["lowering"]:
        yield (
            f"{counted(told['lowering'], 'line')} of orders with a negative amount: taken off what "
            "the order's other lines cost, and nothing bought or brought back "
            "(order_returned says that)"
        )
    if told["bought"]:
        yield (
            f"{counted(told['bought'], 'line')} of orders with a negative quantity and no such "
            "amount: taken as bought"
        )


def _best_tenth(tables: Tables) -> dict[str, Any] | None:
    row = tables.ask_one(BEST_TENTH, "customer_scores")
    if not row or row["reached"] is None:
        return None
    return {"reached": str(row["reached"]), "valued": row["valued"]}


def _week(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "week_on": row["week_on"].isoformat(),
        "events": _share(row["known_events"], row["events"]),
        "revenue": _share(row["known_revenue"], row["revenue"]),
        "unpriced_orders": row["unpriced_orders"],
    }


def _week_lines(weeks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for week in weeks:
        paid = "no revenue" if week["revenue"] is None else f"{week['revenue']:.1%} of revenue"
        unpriced = week["unpriced_orders"]
        orders = "order" if unpriced == 1 else "orders"
        without = f"; {unpriced:,} {orders} in a currency without a rate" if unpriced else ""
        yield (
            f"Of known persons in the week from {week['week_on']}: "
            f"{_percent(week['events'])} of events, {paid}{without}"
        )


def _share(part: Any, whole: Any) -> float | None:
    return round(float(part) / float(whole), 4) if whole else None


def _percent(share: float | None) -> str:
    return "no rows yet" if share is None else f"{share:.1%}"
