"""What becomes of everything that could be said, by the oracle's own rules, one batch at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from duckdb import DuckDBPyConnection

from tests.oracle.config import caps, duration
from tests.oracle.engine import open_database, query, rows
from tests.oracle.inputs import FLAG, SPAN, TEXT, TIME, put

INTERRUPTING = ["email", "sms", "push", "call", "direct_mail"]
# When marketing may be said by text or call, by the country of a number: weekdays (1 is Monday) and
# hours. Of a number of North America nobody knows of which state or country it is: the hours of all
# of them hold at once.
LAWS = {
    "sms FR": [(range(1, 7), 8, 22)],
    "call FR": [(range(1, 6), 10, 13), (range(1, 6), 14, 20)],
    "sms US": [(range(1, 7), 9, 20)],
    "call US": [(range(1, 6), 9, 20), ([6], 10, 18)],
    "sms DE": [(range(1, 8), 8, 20)],
    "call DE": [(range(1, 8), 8, 20)],
}  # fmt: skip
COUNTRIES = {"+33": "FR", "+1": "US", "+49": "DE"}
# What was said at most so long before, and what may be said at most so long after, is looked at.
BEFORE, AFTER = timedelta(days=8), timedelta(days=17)
STEPS = (
    "clock", "turns", "asked", "lawful", "right_minutes", "openings", "bars", "fates",
    "handed_over", "limits", "places", "contest",
)  # fmt: skip

_INT = pa.int32()
_ABOUT = [("decision_id", TEXT), ("person_id", TEXT), ("plan_id", TEXT), ("occasion_id", TEXT),
          ("policy", TEXT), ("channel", TEXT), ("purpose", TEXT), ("topic", TEXT),
          ("campaign_id", TEXT), ("again_after", SPAN), ("at_most", _INT), ("time_zone", TEXT),
          ("expires_at", TIME)]  # fmt: skip
_PROPOSALS = [*_ABOUT, ("skus", pa.list_(TEXT)), ("priority", _INT), ("score", pa.float64()),
              ("proposed_at", TIME), ("is_shadow", FLAG), ("cancelled_by", TEXT),
              ("lead_minutes", _INT), ("usual_hour", _INT), ("country", TEXT),
              ("kind", TEXT), ("step", _INT)]  # fmt: skip
_EMITTED = [*_ABOUT, ("send_at", TIME), ("emitted_at", TIME)]
_MESSAGES = [("person_id", TEXT), ("message_id", TEXT), ("channel", TEXT), ("purpose", TEXT),
             ("topic", TEXT), ("campaign_id", TEXT), ("sent_at", TIME),
             ("is_failed", FLAG)]  # fmt: skip
_SUPPRESSIONS = [("person_id", TEXT), ("policy", TEXT), ("reason", TEXT), ("precedence", _INT),
                 ("channels", pa.list_(TEXT)), ("scope_kind", TEXT),
                 ("scope_values", pa.list_(TEXT)), ("starts_at", TIME),
                 ("ends_at", TIME)]  # fmt: skip
_BEFORE = [("decision_id", TEXT), ("outcome", TEXT), ("reason", TEXT), ("send_at", TIME),
           ("lost_to", pa.list_(TEXT))]  # fmt: skip
_CAPS = [("name", TEXT), ("place", _INT), ("cap_limit", _INT), ("cap_window", SPAN),
         ("calendar", TEXT), ("zone", TEXT),
         *((n, pa.list_(TEXT)) for n in ("channels", "purposes", "campaigns", "exempt_topics")),
         ("exempt_counts", FLAG)]  # fmt: skip
_SETTINGS = [("as_of", TIME), ("look_ahead", SPAN), ("min_gap", SPAN), ("quiet_begins", _INT),
             ("quiet_ends", _INT), ("default_hour", _INT), ("opt_in", FLAG), ("may_speak", FLAG),
             ("paused", pa.list_(TEXT)), ("interrupting", pa.list_(TEXT))]  # fmt: skip
_QUARTERS = [("zone", TEXT), ("quarter_at", TIME), ("shift", SPAN)]
_VERDICTS = """
CREATE TABLE verdicts (
    decision_id VARCHAR, send_at TIMESTAMP, next_at TIMESTAMP, bound_by VARCHAR, winners VARCHAR[]
)
"""
# What has its turn finds its moment free, or learns in whose way it is.
_TRIED = "SELECT decision_id, moment FROM contest WHERE turn = $turn AND has_hour"
_ANSWERED = """
INSERT INTO verdicts
SELECT
    c.decision_id,
    CASE WHEN c.has_hour AND first(w.name) IS NULL THEN c.moment END AS send_at,
    min(n.next_at) AS next_at,
    CASE
        WHEN c.has_hour THEN first(w.name ORDER BY w.free_at DESC, w.name DESC)
        ELSE 'quiet_hours'
    END AS bound_by,
    list_distinct(coalesce(flatten(list(w.winners)), [])) AS winners
FROM contest AS c
LEFT JOIN ways AS w USING (decision_id)
LEFT JOIN (
    SELECT t.decision_id, min(t.moment) AS next_at
    FROM tried AS t
    JOIN contest AS o USING (decision_id)
    ANTI JOIN in_the_way AS x ON x.decision_id = t.decision_id AND x.moment = t.moment
    WHERE coalesce(t.moment < o.expires_at, true)
    GROUP BY t.decision_id
) AS n USING (decision_id)
WHERE c.turn = $turn
GROUP BY c.decision_id, c.has_hour, c.moment
"""
_TAKEN = """
INSERT INTO places
SELECT f.person_id, l.name, v.send_at, f.decision_id, l.own
FROM verdicts AS v
JOIN contest AS c USING (decision_id)
JOIN fates AS f USING (decision_id)
JOIN limits AS l USING (decision_id)
WHERE
    c.turn = $turn AND v.send_at IS NOT NULL AND NOT f.is_shadow AND l.counts
    AND NOT list_contains((SELECT paused FROM settings), f.policy)
"""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Rules:
    """What the configuration says. quiet: from and until, in hours of the day."""

    caps: tuple[Row, ...] = ()
    min_gap: timedelta = timedelta(hours=20)
    look_ahead: timedelta = timedelta(days=7)
    quiet: tuple[int, int] | None = None
    default_hour: int | None = None
    opt_in: bool = True
    time_zone: str = "UTC"


@dataclass(frozen=True)
class Asked:
    """What a batch finds: what is proposed, and all that has a say in it."""

    as_of: datetime
    proposals: list[Row]
    addresses: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)
    suppressions: list[Row] = field(default_factory=list)
    before: list[Row] = field(default_factory=list)
    emitted: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    may_speak: bool = True
    paused: tuple[str, ...] = ()


def decide(asked: Asked, rules: Rules) -> dict[str, dict[str, Any]]:
    """Of each decision its outcome, reason, lost_to, send_at and is_said."""
    with open_database() as db:
        _put(db, asked, rules)
        for name in STEPS:
            db.execute(f"CREATE TABLE {name} AS\n{query(f'plans/{name}')}")
        db.execute(_VERDICTS)
        (turns,) = db.execute("SELECT coalesce(max(turn), 0) FROM contest").fetchone() or (0,)
        for turn in range(1, turns + 1):
            _settle(db, turn)
        db.execute(f"CREATE TABLE answers_given AS\n{query('plans/answers')}")
        return {row["decision_id"]: row for row in rows(db, "answers_given")}


def openings(asked: Asked, rules: Rules) -> dict[str, datetime | None]:
    """Of each decision the first moment that its hours leave it, limits aside."""
    with open_database() as db:
        _put(db, asked, rules)
        for name in STEPS[: STEPS.index("fates") + 1]:
            db.execute(f"CREATE TABLE {name} AS\n{query(f'plans/{name}')}")
        return {row["decision_id"]: row["moment"] for row in rows(db, "fates")}


def _settle(db: DuckDBPyConnection, turn: int) -> None:
    """Of each person the one whose turn it is takes its place, or is told who has it."""
    own = {"turn": turn}
    db.execute(f"CREATE OR REPLACE TABLE tried AS {_TRIED}", own)
    _make_again(db, "in_the_way")
    _make_again(db, "tried_next")
    db.execute("CREATE OR REPLACE TABLE ways AS FROM in_the_way")
    db.execute("CREATE OR REPLACE TABLE tried AS FROM tried_next WHERE moment IS NOT NULL")
    _make_again(db, "in_the_way")
    db.execute(_ANSWERED, own)
    db.execute(_TAKEN, own)


def _make_again(db: DuckDBPyConnection, name: str) -> None:
    db.execute(f"CREATE OR REPLACE TABLE {name} AS\n{query(f'plans/{name}')}")


def _put(db: DuckDBPyConnection, asked: Asked, rules: Rules) -> None:
    put(db, "proposals", [_plain(row) for row in asked.proposals], _PROPOSALS)
    put(db, "emitted", [_plain(row) for row in asked.emitted], _EMITTED)
    put(db, "messages", [_plain(row) for row in asked.messages], _MESSAGES)
    put(db, "suppressions", [_plain(row) for row in asked.suppressions], _SUPPRESSIONS)
    put(db, "before", [_plain(row) for row in asked.before], _BEFORE)
    put(db, "addresses", asked.addresses, [("person_id", TEXT), ("channel", TEXT)])
    put(db, "answers", asked.answers,
        [("person_id", TEXT), ("channel", TEXT), ("purpose", TEXT)])  # fmt: skip
    told = [
        {**cap, "place": n, "cap_limit": cap["limit"], "zone": _zone_of(cap, rules),
         "cap_window": duration(cap["window"]) if "window" in cap else None}
        for n, cap in enumerate(caps({"caps": rules.caps}))
    ]  # fmt: skip
    put(db, "caps", told, _CAPS)
    quiet = rules.quiet or (None, None)
    begins, ends = (None if hour is None else 60 * hour for hour in quiet)
    settings = {
        "as_of": _utc(asked.as_of), "look_ahead": rules.look_ahead, "min_gap": rules.min_gap,
        "quiet_begins": begins, "quiet_ends": ends, "default_hour": rules.default_hour,
        "opt_in": rules.opt_in, "may_speak": asked.may_speak, "paused": [*asked.paused],
        "interrupting": INTERRUPTING,
    }  # fmt: skip
    put(db, "settings", [settings], _SETTINGS)
    laws = [
        {"law": law, "weekday": day, "begins": 60 * begin, "ends": 60 * end}
        for law, spans in LAWS.items()
        for days, begin, end in spans
        for day in days
    ]
    put(db, "laws", laws, [("law", TEXT), ("weekday", _INT), ("begins", _INT), ("ends", _INT)])
    zones = {row["time_zone"] for row in asked.proposals} | {
        cap["zone"] for cap in told if cap["zone"]
    }
    hour = asked.as_of.replace(minute=0, second=0, microsecond=0)
    shifts = [shift for zone in sorted(zones) for shift in _shifts(zone, hour)]
    put(db, "quarters", shifts, _QUARTERS)


@cache
def _shifts(zone: str, around: datetime) -> list[Row]:
    """How far the clock of a zone is from UTC, each quarter of an hour."""
    local, quarter = ZoneInfo(zone), timedelta(minutes=15)
    first = around - BEFORE
    each = (first + n * quarter for n in range((BEFORE + AFTER) // quarter))
    return [
        {"zone": zone, "quarter_at": _utc(at), "shift": at.astimezone(local).utcoffset()}
        for at in each
    ]


def _zone_of(cap: Row, rules: Rules) -> str | None:
    return {"customer": None, "business": rules.time_zone, "utc": "UTC"}[cap["zone"]]


def _plain(row: Row) -> dict[str, Any]:
    return {k: _utc(v) if isinstance(v, datetime) else v for k, v in row.items()}


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
