"""Screening: each row of a list, with whether its person may get a campaign now, and why not.

A row stands for everybody whom one of its identifiers names, and what was said of any of them
holds: in doubt nothing is sent. An identifier that is nobody's own (a shared device or address)
says of nobody that they may be written to.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tactful.jobs.imports.lists import PeopleList
from tactful.jobs.lake import private
from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.screen.campaign import Campaign
from tactful.jobs.screen.context import put_out_of_context
from tactful.jobs.screen.control_group import put_held_out
from tactful.jobs.screen.keys import Keyed
from tactful.jobs.settings.config import Config
from tactful.schemas.country_zones import COUNTRY_ZONES
from tactful.schemas.words import ALL
from tactful.transforms.checks import CHECKS
from tactful.transforms.jurisdictions import Silence
from tactful.transforms.legal_hours import legal_week
from tactful.transforms.quiet_hours import next_open
from tactful.transforms.rules import RULES

# Of several reasons the first is told first; what is not named here comes last, by its name.
OTHERS = {
    "not_identified": 0, "shared": 35, "quiet_hours": 40, "holdout": 110, "contaminated": 111,
    "capped": 120,
}  # fmt: skip
PLACE_OF = OTHERS | {when: rule.precedence for when, rule in (RULES | CHECKS).items()}
PRECEDENCE = tuple(sorted(PLACE_OF, key=lambda reason: PLACE_OF[reason]))
PREFIX = "tactful_"
ADDED = ("allowed", "reason", "policy", "until", "known")
NUMBER = "tactful_row"
FORMS = {
    ".csv": "FORMAT csv, HEADER",
    ".jsonl": "FORMAT json",
    ".ndjson": "FORMAT json",
    ".parquet": "FORMAT parquet",
}

# Whose each identifier is now.
WHOSE = """
    CREATE TABLE named AS
    SELECT k.row, k.identifier_key, i.person_id, i.state
    FROM keys AS k LEFT JOIN identity AS i USING (identifier_key)
"""
SCOPES = """
    SELECT DISTINCT to_json(scope)::VARCHAR AS scope FROM suppressions
    WHERE starts_at <= $now AND (ends_at IS NULL OR ends_at > $now)
"""
# What holds for the campaign, once a row and policy; of a rule that asks for a share of products,
# all that it holds of this person counts together.
HELD = """
    CREATE TABLE held AS
    SELECT n.row, s.reason, s.policy,
           CASE WHEN bool_or(s.ends_at IS NULL) THEN NULL ELSE max(s.ends_at) END AS until,
           bool_or(s.ends_at IS NULL) AS is_open
    FROM (SELECT DISTINCT row, person_id FROM named WHERE state = 'linked') AS n
    JOIN suppressions AS s USING (person_id)
    JOIN scopes AS c ON c.scope = to_json(s.scope)::VARCHAR
    LEFT JOIN shares AS p ON p.policy = s.policy
    WHERE s.starts_at <= $now AND (s.ends_at IS NULL OR s.ends_at > $now)
      AND (len(s.channels) = 0 OR list_contains(s.channels, $channel))
    GROUP BY n.row, s.reason, s.policy
    HAVING len(list_distinct(flatten(list(c.touched))))
        >= any_value(coalesce(p.share, 0)) * max(c.among)
"""
# An address at which nothing arrives, of whatever purpose: its hard bounce stands, or let only the
# person go, who has another that works. What a bounce says of the person is in `held` already.
DEAD = """
    INSERT INTO held
    WITH bounces AS (
        SELECT s.policy, e.message_id, e.identifier_keys
        FROM suppressions AS s
        JOIN messages AS e ON 'messages:' || e.event_id = s.evidence[1]
        WHERE s.reason = 'bounced' AND s.starts_at <= $now
          AND (starts_with(s.lifted_by, 'identifier:') OR s.ends_at IS NULL OR s.ends_at > $now)
          AND (len(s.channels) = 0 OR list_contains(s.channels, $channel))
    ),
    dead AS (
        SELECT policy, unnest(identifier_keys) AS identifier_key FROM bounces
        UNION
        SELECT b.policy, unnest(m.identifier_keys) FROM bounces AS b
        JOIN messages AS m ON m.message_id = b.message_id AND m.type = 'sent'
    )
    SELECT DISTINCT k.row, 'bounced', d.policy, CAST(NULL AS TIMESTAMPTZ), true
    FROM keys AS k JOIN dead AS d USING (identifier_key)
    WHERE (k.type IN ('email', 'email_sha256') AND $channel = 'email'
       OR k.type = 'phone' AND $channel IN ('sms', 'call'))
      AND NOT EXISTS (
        FROM held AS h
        WHERE h.row = k.row AND h.reason = 'bounced' AND h.policy = d.policy AND h.is_open
      )
"""
# Who never said that ads may be shown to them, where that has to be said.
NOT_ASKED = """
    INSERT INTO held
    SELECT r.row, 'no_consent', 'consent.default', CAST(NULL AS TIMESTAMPTZ), true
    FROM list_rows AS r
    WHERE NOT EXISTS (FROM held AS h WHERE h.row = r.row AND h.reason = 'no_consent')
      AND EXISTS (
        FROM (SELECT row, person_id FROM named WHERE row = r.row) AS n
        LEFT JOIN customers AS c USING (person_id)
        WHERE NOT coalesce(c.consents[$topic], c.consents[$every], {silence})
      )
"""
# Of the rows that may get it, those of whom somebody said neither yes nor no to it, where silence
# is no yes; who subscribes to a channel has said yes to its marketing.
UNASKED = """
    WITH subscribed AS (
        SELECT DISTINCT i.person_id
        FROM messages AS m JOIN identity AS i
          ON list_contains(m.identifier_keys, i.identifier_key) AND i.state = 'linked'
        WHERE m.type = 'subscribed' AND coalesce(m.channel, $channel) = $channel
    )
    SELECT count(*) AS rows FROM screened AS r
    WHERE r.allowed AND EXISTS (
        FROM (SELECT row, person_id FROM named WHERE row = r.row) AS n
        LEFT JOIN customers AS c USING (person_id)
        WHERE NOT coalesce(c.consents[$topic], c.consents[$every], {silence})
          AND (n.person_id IS NULL OR n.person_id NOT IN (SELECT person_id FROM subscribed))
    )
"""
# Whether silence is a yes where somebody lives.
SILENCE = """
    CASE
        WHEN list_contains($yes, c.jurisdiction) THEN true
        WHEN list_contains($no, c.jurisdiction) OR c.jurisdiction IS NULL THEN false
        ELSE $default
    END
"""
# Who is known by nothing but what is nobody's own.
SHARED = """
    INSERT INTO held
    SELECT row, 'shared', NULL, NULL, true
    FROM named GROUP BY row
    HAVING bool_or(state <> 'linked') AND NOT coalesce(bool_or(state = 'linked'), false)
"""
# Who cannot be looked up at all.
NOT_IDENTIFIED = """
    INSERT INTO held SELECT row, 'not_identified', NULL, NULL, true FROM list_rows WHERE keys = 0
"""
# Where everybody of a row lives (empty where nobody knows), and of which countries its numbers are.
PLACES = """
    CREATE TABLE places AS
    SELECT DISTINCT r.row, unnest(r.countries) AS country, coalesce(c.time_zone, '') AS time_zone
    FROM list_rows AS r
    LEFT JOIN named AS n ON n.row = r.row AND n.state = 'linked'
    LEFT JOIN customers AS c ON c.person_id = n.person_id
"""
QUIET = """
    INSERT INTO held
    SELECT row, 'quiet_hours', 'quiet_hours', max(opens_at), bool_or(opens_at IS NULL)
    FROM places JOIN opening USING (country, time_zone)
    WHERE opens_at IS DISTINCT FROM $now
    GROUP BY row
"""
SCREENED = """
    CREATE TABLE screened AS
    SELECT
        r.row,
        h.row IS NULL AS allowed,
        h.reason,
        h.policy,
        h.until,
        CASE
            WHEN n.is_linked THEN 'known'
            WHEN n.is_shared THEN 'shared'
            WHEN r.keys > 0 THEN 'unknown'
            ELSE 'nobody'
        END AS known
    FROM list_rows AS r
    LEFT JOIN (
        SELECT row, bool_or(state = 'linked') AS is_linked, bool_or(state <> 'linked') AS is_shared
        FROM named GROUP BY row
    ) AS n USING (row)
    LEFT JOIN (
        SELECT row,
               string_agg(reason, '; ' ORDER BY place, reason, policy) AS reason,
               string_agg(coalesce(policy, ''), '; ' ORDER BY place, reason, policy) AS policy,
               CASE WHEN bool_or(is_open) THEN NULL ELSE max(until) END AS until
        FROM (
            SELECT *, coalesce(list_position($precedence, reason), 99) AS place FROM held
        ) GROUP BY row
    ) AS h USING (row)
"""


COUNTS = """
    SELECT count(*) AS rows,
           count(*) FILTER (WHERE allowed) AS allowed,
           count(*) FILTER (WHERE NOT allowed) AS withheld,
           count(*) FILTER (WHERE known = 'unknown') AS unknown
    FROM screened
"""
REASONS = """
    SELECT reason, count(DISTINCT row) AS rows FROM held GROUP BY reason
    ORDER BY coalesce(list_position($precedence, reason), 99), reason
"""
# An end is told in whole seconds, never too early.
TOLD = f"""
    SELECT p.* EXCLUDE ({{left_out}}),
        CASE WHEN s.allowed THEN 'yes' ELSE 'no' END AS {PREFIX}allowed,
        s.reason AS {PREFIX}reason,
        s.policy AS {PREFIX}policy,
        strftime(
            date_trunc('second', s.until AT TIME ZONE 'UTC' + INTERVAL '999999 microseconds'),
            '%Y-%m-%dT%H:%M:%SZ'
        ) AS {PREFIX}until,
        s.known AS {PREFIX}known
    FROM people AS p JOIN screened AS s ON s.row = p.{NUMBER}
    ORDER BY p.{NUMBER}
"""


@dataclass(frozen=True)
class Screened:
    """What a list comes to: its rows, those that may get the campaign, and why others may not.

    unasked: how many of them may get it though nobody knows whether they consented.
    """

    database: duckdb.DuckDBPyConnection
    counts: Mapping[str, int]
    reasons: Mapping[str, int]
    headers: Sequence[str] = ()
    unasked: int = 0

    def write(self, path: Path) -> None:
        """Write each row with what was found of it, as the file's name says: CSV, JSON, Parquet.

        Whoever may read this machine's files may not read this one: it names people.
        """
        columns = [row[0] for row in self.database.execute("DESCRIBE people").fetchall()]
        added = [f"{PREFIX}{name}" for name in ADDED]
        left_out = ", ".join(f'"{name}"' for name in columns if name in {NUMBER, *added})
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
        part.touch(mode=private.FILE)
        try:
            told = TOLD.format(left_out=left_out)
            name = str(part).replace("'", "''")
            self.database.execute(f"COPY ({told}) TO '{name}' ({FORMS[path.suffix.lower()]})")
            if self.headers and path.suffix.lower() == ".csv":
                kept = zip(columns, self.headers, strict=False)
                own = [header for name, header in kept if name not in added]
                _write_header(part, [*own, *added])
            private.close(part)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def _write_header(path: Path, names: Sequence[str]) -> None:
    """Put another first line in place of a file's."""
    rest = path.with_suffix(".rest")
    os.replace(path, rest)
    try:
        path.touch(mode=private.FILE)
        with open(rest, "rb") as body, open(path, "r+", encoding="utf-8", newline="") as file:
            body.readline()
            csv.writer(file, lineterminator="\n").writerow(names)
            file.flush()
            shutil.copyfileobj(body, file.buffer)
    finally:
        rest.unlink(missing_ok=True)


def screen(
    lake: LakeView,
    people: PeopleList,
    campaign: Campaign,
    config: Config,
    *,
    secret: bytes,
    now: datetime,
) -> Screened:
    """Say of each row of a list whether it may get the campaign now."""
    db = lake.database
    _put_keys(db, people, Keyed(config.identity, secret))
    db.execute(WHOSE)
    _put_scopes(db, campaign, config, now)
    about = {"now": now, "channel": campaign.channel}
    db.execute(HELD, about)
    db.execute(DEAD, about)
    if campaign.channel == "ad":
        _put_not_asked(db, campaign, config.consent.silence)
    if campaign.purpose == "marketing" and legal_week(campaign.channel, country=None):
        _put_opening(db, campaign, config, now)
        db.execute(QUIET, {"now": now})
    if campaign.purpose == "marketing":
        put_held_out(db, campaign.campaign_id, secret=secret)
        put_out_of_context(db, campaign, config, now)
    db.execute(SHARED)
    db.execute(NOT_IDENTIFIED)
    db.execute(SCREENED, {"precedence": [*PRECEDENCE]})
    reasons = lake.rows(REASONS, precedence=[*PRECEDENCE])
    told = {row["reason"]: row["rows"] for row in reasons}
    unasked = _unasked(lake, campaign, config.consent.silence)
    return Screened(db, lake.row(COUNTS), told, people.headers, unasked)


def _unasked(lake: LakeView, campaign: Campaign, silence: Silence) -> int:
    """Of how many rows that may get marketing nobody knows that they consented; ads are held."""
    if campaign.purpose != "marketing" or campaign.channel == "ad" or not silence.is_no_nowhere:
        return 0
    about: dict[str, Any] = {
        "channel": campaign.channel,
        "topic": f"{campaign.channel}:marketing",
        "every": f"{ALL}:marketing",
    }
    if silence.is_never_consent:
        return int(lake.row(UNASKED.format(silence="false"), **about)["rows"])
    return int(lake.row(UNASKED.format(silence=SILENCE), **about, **_laws(silence))["rows"])


def _laws(silence: Silence) -> dict[str, Any]:
    """What silence means where."""
    return {
        "yes": [country for country, opt_in in silence.of.items() if not opt_in],
        "no": [country for country, opt_in in silence.of.items() if opt_in],
        "default": not silence.opt_in,
    }


def _put_not_asked(db: duckdb.DuckDBPyConnection, campaign: Campaign, silence: Silence) -> None:
    """Hold those who said nothing of ads and live where that is no, or nobody knows where."""
    about = {"topic": f"ad:{campaign.purpose}", "every": f"{ALL}:{campaign.purpose}"}
    if silence.is_never_consent:
        db.execute(NOT_ASKED.format(silence="false"), about)
    elif silence.varies:
        db.execute(NOT_ASKED.format(silence=SILENCE), {**about, **_laws(silence)})


def _put_keys(db: duckdb.DuckDBPyConnection, people: PeopleList, keyed: Keyed) -> None:
    """Make `people` of the list, `list_rows` of its rows and `keys` of what each is known by."""
    db.execute("CREATE TABLE list_rows (row BIGINT, keys BIGINT, countries VARCHAR[])")
    db.execute("CREATE TABLE keys (row BIGINT, identifier_key VARCHAR, type VARCHAR)")
    number = 0
    for piece in people.put(db, "people", NUMBER):
        counts, named = [], []
        for keys, countries in keyed.of_all(piece):
            number += 1
            counts.append((number, len(keys), countries))
            named += [(number, key, kind) for kind, key in keys]
        _insert(db, "list_rows", ("row", "keys", "countries"), counts)
        _insert(db, "keys", ("row", "identifier_key", "type"), named)


def _insert(db: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], rows: list) -> None:
    if rows:
        db.register("piece", pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))))
        db.execute(f"INSERT INTO {table} FROM piece")
        db.unregister("piece")


def _put_scopes(
    db: duckdb.DuckDBPyConnection, campaign: Campaign, config: Config, now: datetime
) -> None:
    """Make `scopes` of those that touch the campaign, `shares` of the rules that ask for one."""
    db.execute("CREATE TABLE scopes (scope VARCHAR, touched VARCHAR[], among BIGINT)")
    db.execute("CREATE TABLE shares (policy VARCHAR, share DOUBLE)")
    found = []
    for (text,) in db.execute(SCOPES, {"now": now}).fetchall():
        scope = json.loads(text)
        touched = campaign.touched(scope) if campaign.reaches(scope) else None
        if touched is not None:
            found.append((text, *touched))
    told = {rule.name: rule.kind.share(rule.options) for rule in config.rules}
    shares = [(name, share) for name, share in told.items() if share > 0]
    for table, rows in (("scopes", found), ("shares", shares)):
        if rows:
            db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _put_opening(
    db: duckdb.DuckDBPyConnection, campaign: Campaign, config: Config, now: datetime
) -> None:
    """Make `places` of where rows live, `opening` of when each may next be called or texted.

    By whose clock somebody lives that nobody knows is each of their number's country: in doubt the
    strictest.
    """
    db.execute(PLACES)
    db.execute("CREATE TABLE opening (country VARCHAR, time_zone VARCHAR, opens_at TIMESTAMPTZ)")
    places = db.execute("SELECT DISTINCT country, time_zone FROM places").fetchall()
    for country, zone in places:
        week = legal_week(campaign.channel, country=country)
        zones = (zone,) if zone else COUNTRY_ZONES.get(country, (config.business.time_zone,))
        opens = next_open(now, zones, week) if week else now
        db.execute("INSERT INTO opening VALUES (?, ?, ?)", (country, zone, opens))
