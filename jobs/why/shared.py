"""Shared: which audiences hold somebody, and what destinations were told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.settings.config import Config
from tactful.jobs.why.texts import moment, visible

READS = ("_log/memberships", "records", "deliveries", "delivery_states", "delivery_rows")
# The newest row of an identifier stands; who said no anywhere withholds the value for all.
HELD = """
    WITH mine AS (
        SELECT DISTINCT destination, audience, member_key FROM log_memberships
        WHERE identifier_key IN (SELECT unnest($keys))
    ),
    newest AS (
        SELECT destination, audience, identifier_key, member_key,
               arg_max(coalesce(is_member, false), batch_id) AS is_member,
               arg_max(coalesce(is_withheld, false), batch_id) AS is_withheld
        FROM log_memberships SEMI JOIN mine USING (destination, audience, member_key)
        GROUP BY ALL
    ),
    no AS (SELECT destination, member_key FROM newest WHERE is_withheld)
    SELECT destination, audience, identifier_key,
           (destination, member_key) IN (SELECT (destination, member_key) FROM no) AS is_withheld
    FROM newest WHERE is_member AND identifier_key IN (SELECT unnest($keys))
    ORDER BY ALL
"""
# What was last said of each identifier before a moment: added, or taken away again.
SAID = """
    SELECT destination, audience, identifier_key,
           arg_max(operation, (emitted_at, batch_id, position)) AS operation
    FROM (
        SELECT *, unnest(identifier_keys) AS identifier_key FROM records
        WHERE emitted_at <= $at AND list_has_any(identifier_keys, $keys)
    ) AS each_key
    WHERE identifier_key IN (SELECT unnest($keys)) GROUP BY ALL
    HAVING operation IN ('add', 'suppress', 'send') ORDER BY ALL
"""
RECORDS = """
    SELECT r.record_id, r.destination, r.audience, r.operation, r.emitted_at, r.batch_id,
           r.decision_id, count(*) OVER () AS all_count
    FROM records AS r
    WHERE (list_has_any(r.identifier_keys, $keys)) AND r.emitted_at <= $at
    ORDER BY r.emitted_at DESC, r.batch_id DESC, r.position DESC, r.record_id LIMIT $rows
"""
# A batch may write several files for one audience, and a record says not in which it stands.
FILES = """
    WITH newest AS (
        SELECT destination, name, arg_max(state, "at") AS state,
               arg_max(response, "at") AS response, arg_max(effective_by, "at") AS effective_by
        FROM delivery_states GROUP BY destination, name
    )
    SELECT d.destination, d.audience, d.operation, d.batch_id,
           list_sort(list(DISTINCT coalesce(n.state, d.state))) AS states,
           max(coalesce(n.response, d.response)) AS response,
           max(n.effective_by) AS effective_by,
           flatten(list(coalesce(d.warnings, []))) AS warnings
    FROM deliveries AS d LEFT JOIN newest AS n USING (destination, name)
    WHERE d.batch_id IN (SELECT unnest($batches)) GROUP BY ALL
"""
REFUSED = """
    SELECT record_id, arg_max(state, "at") AS state, arg_max(reason, "at") AS reason
    FROM delivery_rows WHERE record_id IN (SELECT unnest($ids)) GROUP BY record_id
"""
NO_FILE = {"states": [], "response": None, "effective_by": None, "warnings": []}


def held(
    lake: LakeView, keys: Sequence[str], config: Config, *, at: datetime, as_of: datetime
) -> list[dict[str, Any]]:
    """The audiences that hold any of somebody's identifiers, and by which."""
    if at >= as_of:
        rows = lake.rows(HELD, keys=list(keys))
    else:
        rows = [{**row, "is_withheld": False} for row in lake.rows(SAID, keys=list(keys), at=at)]
    policies = {(d.name, d.policy): d.kind for d in config.destinations}
    grouped: dict[tuple[str, str, bool], list[str]] = {}
    for row in rows:
        place = (row["destination"], row["audience"], row["is_withheld"])
        grouped.setdefault(place, []).append(row["identifier_key"])
    return [
        {
            "destination": destination,
            "audience": audience,
            "kind": policies.get((destination, audience)),
            "is_withheld": is_withheld,
            "identifier_keys": found,
        }
        for (destination, audience, is_withheld), found in sorted(grouped.items())
    ]


def records(lake: LakeView, keys: Sequence[str], *, at: datetime, rows: int) -> dict[str, Any]:
    """What destinations were told of somebody, the newest first, and what became of it."""
    found = lake.rows(RECORDS, keys=list(keys), at=at, rows=rows)
    batches = sorted({row["batch_id"] for row in found if row["batch_id"] is not None})
    files = {
        (row["destination"], row["audience"], row["operation"], row["batch_id"]): row
        for row in lake.rows(FILES, batches=batches)
    }
    ids = [row["record_id"] for row in found]
    refused = {row["record_id"]: row for row in lake.rows(REFUSED, ids=ids)}
    told = []
    for row in found:
        place = (row["destination"], row["audience"], row["operation"], row["batch_id"])
        delivered, single = files.get(place, NO_FILE), refused.get(row["record_id"], {})
        told.append(
            {
                **{n: row[n] for n in ("record_id", "destination", "audience", "operation")},
                "emitted_at": row["emitted_at"],
                "decision_id": row["decision_id"],
                "states": list(delivered["states"] or ()),
                "response": delivered["response"],
                "effective_by": delivered["effective_by"],
                "warnings": sorted(set(delivered["warnings"] or ())),
                "row_state": single.get("state"),
                "row_reason": single.get("reason"),
            }
        )
    return {"all_count": found[0]["all_count"] if found else 0, "rows": told}


def audience_words(row: Mapping[str, Any]) -> str:
    """An audience that holds somebody, in a sentence."""
    name = f"{visible(row['destination'])}, audience {visible(row['audience'])}"
    count = len(row["identifier_keys"])
    by = f"by {count} identifier{'' if count == 1 else 's'}"
    if row["is_withheld"]:
        return f"{name}: belongs to it {by}, and is told of nowhere, since the value was refused"
    return f"{name}: held {by}"


def record_words(row: Mapping[str, Any]) -> str:
    """What a destination was told, in a sentence."""
    asked = {
        "add": "to add",
        "remove": "to remove",
        "suppress": "to suppress",
        "unsuppress": "to unsuppress",
        "send": "to say something to",
        "cancel": "not to say something to",
    }
    what = asked.get(row["operation"], row["operation"])
    states = [row["row_state"]] if row["row_state"] else row["states"]
    told = [visible((state or "").replace("_", " ")) for state in states]
    told += [visible(warning) for warning in row["warnings"]]
    if row["row_reason"]:
        told.append(visible(row["row_reason"]))
    if row["effective_by"]:
        told.append(f"in effect there by {moment(row['effective_by'])}")
    state = f" ({'; '.join(told)})" if told else ""
    return (
        f"{moment(row['emitted_at'])}: {visible(row['destination'])} was asked {what} them in "
        f"audience {visible(row['audience'])}{state}"
    )
