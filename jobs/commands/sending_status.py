"""Sending: what each destination took, what is on its way, and what it would not take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.tables_here import Tables
from tactful.jobs.sending.journal import Journal
from tactful.jobs.why.texts import visible
from tactful.schemas.records import TEST

MOST = 5
LONGEST = 500
NEWEST = """
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY destination, name ORDER BY at DESC) AS r
        FROM delivery_states) AS numbered
    WHERE r = 1
"""
BY_DESTINATION = f"""
    SELECT destination, count(*) AS files, sum(accepted_records) AS accepted_records,
           sum(refused_records) AS refused_records, max(at) AS last_at,
           max(effective_by) AS effective_by
    FROM ({NEWEST}) AS newest WHERE operation IS DISTINCT FROM '{TEST}'
    GROUP BY destination ORDER BY destination
"""
REFUSED = """
    SELECT destination, count(DISTINCT record_id) AS named_records FROM delivery_rows
    WHERE state = 'rejected' GROUP BY destination
"""
FAILED = f"""
    SELECT destination, name, state, response FROM ({NEWEST}) AS newest
    WHERE state <> 'accepted' ORDER BY at DESC, name
"""


def sending_facts(tables: Tables) -> list[dict[str, Any]]:
    """By destination that was ever sent to: its files, and how many records it took of them."""
    named = tables.ask(REFUSED, "delivery_rows")
    counts = {row["destination"]: row["named_records"] for row in named}
    found = tables.ask(BY_DESTINATION, "delivery_states")
    return [{**row, "named_records": counts.get(row["destination"], 0)} for row in found]


def sending_lines(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A line a destination."""
    for row in found:
        line = f"{row['destination']} took {row['accepted_records']:,} records sent to it"
        if row["refused_records"]:
            where = " (see delivery_rows)" if row["named_records"] else ""
            line += f", and refused {row['refused_records']:,}{where}"
        if row["effective_by"] is not None:
            line += f"; all hold there by {row['effective_by']:%Y-%m-%d %H:%M} UTC"
        yield escape(f"{line}.")


def undelivered(tables: Tables) -> list[dict[str, Any]]:
    """Files that a destination did not take, and those that were tried and wait."""
    names = ("destination", "name", "state", "response")
    waiting = (one for one in Journal(tables.lake).all() if not one.is_over and one.calls)
    tried = [{name: getattr(one, name) for name in names} for one in waiting]
    # What is tried once more has its end of before still in the table.
    on_its_way = {(one["destination"], one["name"]) for one in tried}
    failed = [
        row for row in tables.ask(FAILED, "delivery_states")
        if (row["destination"], row["name"]) not in on_its_way
    ]  # fmt: skip
    return [*failed[:MOST], *tried[:MOST]]


def undelivered_lines(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A line a file."""
    for row in found:
        said = f": {visible(row['response'], LONGEST)}" if row["response"] else ""
        state = row["state"].replace("_", " ")
        line = escape(f"{row['destination']}/{row['name']} is {state}{said}.")
        yield f"[red]{line}[/]"
