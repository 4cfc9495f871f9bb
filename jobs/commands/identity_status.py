"""Identity in the status: how identifiers make persons, and what links too much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.tables_here import Tables
from tactful.schemas.words import ALWAYS, NEVER
from tactful.transforms.identity.health import ALL

HEALTH = "SELECT * FROM identity_health ORDER BY identifier_type"
STANDING = "SELECT kind, count(*) AS words FROM manual_links WHERE is_standing GROUP BY kind"
LARGEST = """
SELECT identifier_type, identifier_key, seen_with_count FROM hubs
ORDER BY seen_with_count DESC, identifier_key LIMIT 3
"""
# A hub stays one whatever anybody says, so that what is said of it holds and does nothing.
OF_HUBS = """
SELECT count(DISTINCT m.event_id) AS words FROM manual_links AS m
JOIN hubs AS h ON h.identifier_key IN (m.identifier_key, m.other_key)
WHERE m.is_standing AND m.kind = 'always_link'
"""
# What no event has carried is nobody, so that a word on it has nothing to join or part yet.
OF_NOBODY = """
SELECT count(DISTINCT m.event_id) AS words FROM manual_links AS m
LEFT JOIN identity AS i ON i.identifier_key = m.identifier_key
LEFT JOIN identity AS o ON o.identifier_key = m.other_key
WHERE m.is_standing AND (i.identifier_key IS NULL OR o.identifier_key IS NULL)
"""
# Of the newest day on which anybody changed.
CHANGES = """
SELECT kind, rule, count(*) AS persons, max(changed_at) AS newest_at FROM identity_changes
WHERE changed_at > (SELECT max(changed_at) FROM identity_changes) - INTERVAL '1 day'
GROUP BY kind, rule ORDER BY kind, rule
"""
# One person with more identifiers than this is looked at; few people have so many devices.
MANY = 100
# What hangs together and is looked at whole, in every batch that touches it, whoever is a person:
# from so many on it is felt. What it costs each: tests/bench/crowd.py.
CROWD = 100_000
SECONDS_EACH = 27e-6


def health_facts(tables: Tables) -> list[dict[str, Any]]:
    """The rows of `identity_health`."""
    return [dict(row) for row in tables.ask(HEALTH, "identity_health")]


def manual_facts(tables: Tables) -> dict[str, int]:
    """How many words of the business stand that two are one customer, or never are.

    of_hubs: those of one customer that name a hub, and so do nothing. of_nobody: those of either
    kind that name what no event has carried, and so do nothing yet.
    """
    told = {row["kind"]: row["words"] for row in tables.ask(STANDING, "manual_links")}
    of_hubs = sum(row["words"] for row in tables.ask(OF_HUBS, "manual_links", "hubs"))
    of_nobody = 0
    if told:
        of_nobody = sum(row["words"] for row in tables.ask(OF_NOBODY, "manual_links", "identity"))
    standing = {kind: told.get(kind, 0) for kind in (ALWAYS, NEVER)}
    return standing | {"of_hubs": of_hubs, "of_nobody": of_nobody}


def manual_lines(standing: Mapping[str, int]) -> Iterator[str]:
    """The same as a sentence; where nothing was said there is none."""
    if any(standing.values()):
        yield (
            f"Manual links that stand: {standing[ALWAYS]:,} of one customer, "
            f"{standing[NEVER]:,} of never one; manual_links says by whom and why."
        )
    if standing["of_hubs"]:
        yield (
            f"[yellow]{standing['of_hubs']:,} manual links name a hub, which is nobody's whatever "
            "is said of it: name another identifier of the customer, or raise max_links of its "
            "type and replay.[/]"
        )
    if standing["of_nobody"]:
        yield (
            f"[yellow]{standing['of_nobody']:,} manual links name what no event has carried, and "
            "do nothing until one does; tactful explain of the other identifier says which.[/]"
        )


def hub_facts(tables: Tables) -> list[dict[str, Any]]:
    """The hubs that were seen with most other identifiers."""
    return [dict(row) for row in tables.ask(LARGEST, "hubs")]


def hub_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line on each that is far beyond what any customer has."""
    for row in rows:
        if row["seen_with_count"] > MANY:
            yield (
                f"[yellow]A hub of type {escape(row['identifier_type'])} was seen with "
                f"{row['seen_with_count']:,} other identifiers; identifiers has its value under "
                f"{row['identifier_key']}: if it stands for nobody, add it to identity.blocked.[/]"
            )


def change_facts(tables: Tables) -> list[dict[str, Any]]:
    """How many persons were merged and split within the last day on which any were."""
    return [
        {**row, "newest_at": row["newest_at"].isoformat()}
        for row in tables.ask(CHANGES, "identity_changes")
    ]


def change_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The same as a sentence; where nobody changed there is none."""
    if rows:
        told = ", ".join(f"{row['persons']:,} {row['kind']} ({row['rule']})" for row in rows)
        until = max(row["newest_at"] for row in rows)
        yield f"Persons changed in the day until {until}: {told}."


def health_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line on all, and one on each type that may link too much, or ties too many together."""
    for row in rows:
        most, together = row["most_of_one_person_count"], row.get("together_count") or 0
        if row["identifier_type"] == ALL:
            yield (
                f"Persons: {row['persons_count']:,}, by {row['linked_count']:,} identifiers, at "
                f"most {most:,} of one person; {', '.join(nobodys(row))}.{_daily(row)}"
            )
            if together >= CROWD:
                yield (
                    f"[yellow]{together:,} identifiers hang together by what several share, and "
                    f"every batch that touches one of them looks at all: some "
                    f"{together * SECONDS_EACH:,.0f} s each. max_links = 1 of the device type that "
                    "ties most (identity_health) makes what two customers share a hub, which ties "
                    "nobody; then replay.[/]"
                )
        elif most > MANY:
            yield (
                f"[yellow]One person has {most:,} identifiers of type "
                f"{escape(row['identifier_type'])}: look in identity for what links them, and "
                "block it or bound it (identity.blocked, max_links).[/]"
            )


def nobodys(row: Mapping[str, Any]) -> Iterator[str]:
    """How many identifiers are nobody's and for what; a version before did not tell all apart."""
    of_one = row.get("hub_of_one_count") or 0
    ended = row.get("neutral_over_count") or 0
    yield f"{row['hub_count'] - of_one:,} hubs"
    if of_one:
        yield f"{of_one:,} cut off from who would have too many (max_identifiers)"
    yield f"{row['neutral_count'] - ended:,} shared devices"
    if ended:
        yield f"{ended:,} not seen with their customer for a window"
    yield f"{row['blocked_count']:,} blocked"


def _daily(row: Mapping[str, Any]) -> str:
    """Who changed in the last day; nothing where a version that did not count published it."""
    merges, splits = row.get("merges_1d_count"), row.get("splits_1d_count")
    if merges is None or splits is None:
        return ""
    return f" In the last day {merges:,} persons became another's, {splits:,} came apart."
