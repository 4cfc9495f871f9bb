"""Who is known in the status: how much of events and revenue is of persons, week by week."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.tables_here import Tables
from tactful.schemas.words import MANUAL_LINK_TYPES

# A person is known when the row has one; "n_…" is a shared device that belongs to nobody.
KNOWN = "person_id IS NOT NULL AND person_id NOT LIKE 'n\\_%' ESCAPE '\\'"
# A word of the business is nobody's, and no event of somebody who is not known.
EVENT_SHARE = f"""
    SELECT count(*) AS events, count(*) FILTER (WHERE {KNOWN}) AS known
    FROM timeline WHERE line_number = 0 AND type NOT IN {MANUAL_LINK_TYPES}
"""
REVENUE_SHARE = f"""
    SELECT currency, sum(amount) AS revenue, sum(amount) FILTER (WHERE {KNOWN}) AS known
    FROM (SELECT *, rank() OVER (PARTITION BY order_id ORDER BY occurred_at, event_id) AS time
          FROM timeline WHERE type = 'order_placed') AS placed
    WHERE time = 1 AND amount IS NOT NULL
    GROUP BY currency ORDER BY currency
"""
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


def known_facts(tables: Tables) -> dict[str, Any]:
    """The share of events and of revenue that belongs to a known person."""
    counted = tables.ask_one(EVENT_SHARE, "timeline")
    revenue = {
        row["currency"] or "no currency": _share(row["known"] or 0, row["revenue"])
        for row in tables.ask(REVENUE_SHARE, "timeline")
    }
    return {
        "events": _share(counted.get("known"), counted.get("events")),
        "revenue": revenue,
        "weeks": [_week(row) for row in tables.ask(NEWEST_WEEKS, "known_shares")],
        "best_tenth": _best_tenth(tables),
    }


def known_lines(known: Mapping[str, Any]) -> Iterator[str]:
    """The same as sentences, the newest week first."""
    yield f"Events of known persons: {_percent(known['events'])}"
    for currency, share in known["revenue"].items():
        yield f"Revenue in {escape(currency)} of known persons: {_percent(share)}"
    yield from _week_lines(known["weeks"])
    if known["best_tenth"]:
        told = known["best_tenth"]
        yield (
            f"The best tenth of a year's customers: from {told['reached']} on "
            f"(value.valued_from); valued are {told['valued']:,}"
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
