"""Happened: a customer's events, newest first and a page at a time, and events by their names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.why.texts import as_utc, event_words

READS = ("timeline", "messages", "profiles")
EVENT = """
    stream, event_id, any_value(type) AS type, min(occurred_at) AS occurred_at,
    count(*) AS lines_count,
    list_slice(list(sku ORDER BY line_number) FILTER (sku IS NOT NULL), 1, 4) AS skus,
    count(DISTINCT sku) AS skus_count, sum(amount) AS amount,
    any_value(currency) AS currency, any_value(channel) AS channel,
    any_value(order_id) AS order_id, any_value(message_id) AS message_id,
    any_value(campaign_id) AS campaign_id
"""
# Which events stand on the page is found by narrow columns; only these are read whole.
PAGE = f"""
    WITH page AS (
        SELECT stream, event_id, min(occurred_at) AS newest FROM timeline
        WHERE person_id = $person AND occurred_at <= $at
        GROUP BY stream, event_id ORDER BY newest DESC, stream DESC, event_id DESC
        LIMIT $rows OFFSET $before
    )
    SELECT {EVENT} FROM timeline SEMI JOIN page USING (stream, event_id)
    WHERE person_id = $person
    GROUP BY stream, event_id ORDER BY occurred_at DESC, stream DESC, event_id DESC
"""
COUNTED = """
    SELECT count(DISTINCT (stream, event_id)) AS events, min(occurred_at) AS first_at,
           max(occurred_at) AS last_at
    FROM timeline WHERE person_id = $person AND occurred_at <= $at
"""
NAMED = f"""
    SELECT {EVENT} FROM timeline
    WHERE event_id IN (SELECT unnest($ids)) GROUP BY stream, event_id
"""
# What a batch has taken in since the tables were published: what is said next may rest on it.
SINCE = f"""
    SELECT {EVENT} FROM log_timeline
    WHERE batch_id > $batch AND event_id IN (SELECT unnest($ids)) GROUP BY stream, event_id
"""
LOG = "_log/timeline"
OF_MESSAGE = f"""
    SELECT {EVENT}, count(*) OVER () AS all_count FROM timeline
    WHERE message_id = $message AND occurred_at <= $at
    GROUP BY stream, event_id ORDER BY occurred_at, stream, event_id LIMIT $rows
"""
BY_MACHINES = """
    SELECT event_id FROM messages WHERE machine_open AND event_id IN (SELECT unnest($ids))
"""
NOTED = """
    SELECT event_id, attribute, value FROM profiles
    WHERE attribute IS NOT NULL AND event_id IN (SELECT unnest($ids))
"""
FIRST = "SELECT min(occurred_at) AS first_at FROM timeline"


def timeline(
    lake: LakeView,
    person: str,
    *,
    at: datetime,
    rows: int,
    page: int,
    sensitive: Collection[str] = (),
) -> dict[str, Any]:
    """One page of what happened to somebody, the newest first, and how much there is in all.

    sensitive: the attributes of which no value is told.
    """
    counted = lake.row(COUNTED, person=person, at=at)
    found = lake.rows(PAGE, person=person, at=at, rows=rows, before=(page - 1) * rows)
    ids = [row["event_id"] for row in found if row["stream"] == "profiles"]
    noted = {row["event_id"]: row for row in lake.rows(NOTED, ids=ids)} if ids else {}
    for row in found:
        if row["stream"] == "profiles" and row["event_id"] in noted:
            name, value = (noted[row["event_id"]][key] for key in ("attribute", "value"))
            is_told = name.strip().lower() not in sensitive
            row |= {"attribute": name, "value": value if is_told else None}
    return {
        "events_count": counted["events"],
        "first_at": counted["first_at"],
        "last_at": counted["last_at"],
        "page": page,
        "pages": -(-counted["events"] // rows),
        "events": _told(lake, found),
    }


def of_message(lake: LakeView, message: str, *, at: datetime, rows: int) -> dict[str, Any]:
    """What became of a message, the oldest first, and how much there is in all."""
    found = lake.rows(OF_MESSAGE, message=message, at=at, rows=rows)
    return {
        "events_count": found[0]["all_count"] if found else 0,
        "events": _told(lake, found),
    }


def named(lake: LakeView, refs: Iterable[str | None]) -> dict[str, dict[str, Any]]:
    """Events by their names, stream:event_id; those that no table holds are missing.

    What has come in since the tables were published is told as well, from the log.
    """
    wanted = {ref for ref in refs if ref}
    if not wanted:
        return {}
    found = _by_name(lake, NAMED, wanted)
    if left := wanted - found.keys():
        lake.opens(LOG)
        found |= _by_name(lake, SINCE, left, batch=-1 if lake.batch is None else lake.batch)
    return found


def _by_name(lake: LakeView, sql: str, wanted: set[str], **more: Any) -> dict[str, dict[str, Any]]:
    ids = sorted({ref.partition(":")[2] for ref in wanted})
    told = _told(lake, lake.rows(sql, ids=ids, **more))
    return {row["event"]: row for row in told if row["event"] in wanted}


def begins_at(lake: LakeView) -> datetime | None:
    """The oldest event that the lake knows."""
    first = lake.row(FIRST)["first_at"]
    return None if first is None else as_utc(first)


def _told(lake: LakeView, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events as `told`, with who opened a message."""
    opened = [row["event_id"] for row in rows if row["type"] == "opened"]
    machines = {row["event_id"] for row in lake.rows(BY_MACHINES, ids=opened)} if opened else ()
    return [told({**row, "is_by_machine": row["event_id"] in machines}) for row in rows]


def told(row: dict[str, Any]) -> dict[str, Any]:
    """An event for people and programs."""
    return {
        "occurred_at": row["occurred_at"],
        "event": f"{row['stream']}:{row['event_id']}",
        "type": row["type"],
        "says": event_words(row),
        "lines_count": row["lines_count"],
        "order_id": row["order_id"],
        "message_id": row["message_id"],
    }


def refs_of(rows: Sequence[dict[str, Any]], *columns: str) -> set[str]:
    """The names of the events that rows mention."""
    refs: set[str] = set()
    for row in rows:
        for column in columns:
            value = row.get(column)
            refs |= {value} if isinstance(value, str) else set(value or ())
    return refs
