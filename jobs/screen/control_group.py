"""The control group of a screened campaign: who of a list must hear nothing of it."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

import duckdb

from tactful.schemas.assignments import CONTROL
from tactful.transforms.holdout import CONTAMINATED, DIGITS, HOLDOUT

SHARE = "SELECT max(holdout_share) FROM campaigns WHERE campaign_id = $campaign"
# Everybody whom a row names; whom nobody knows is drawn by what the row says of them.
ASKED = """
    SELECT DISTINCT row, person_id, substring(person_id, 3, 64) AS anchor_key
    FROM named WHERE state = 'linked'
    UNION ALL
    SELECT row, NULL, min(identifier_key) FROM named
    GROUP BY row HAVING NOT coalesce(bool_or(state IS NOT NULL), false)
"""
ASSIGNED = """
    SELECT i.person_id, list(DISTINCT a.arm)
    FROM assignments AS a JOIN identity AS i ON i.identifier_key = a.anchor_key
    WHERE a.campaign_id = $campaign AND i.state = 'linked'
    GROUP BY i.person_id
"""
HELD = "INSERT INTO held VALUES (?, ?, ?, NULL, true)"


def put_held_out(db: duckdb.DuckDBPyConnection, campaign_id: str, *, secret: bytes) -> None:
    """Add to `held` who is in the control group, or in both arms (see `transforms/holdout.py`).

    Whom no plan has asked of yet is drawn as a plan would draw them; nothing is written down.
    """
    about = {"campaign": campaign_id}
    (share,) = db.execute(SHARE, about).fetchone() or (None,)
    if share:
        rows = sorted(_held_out(db, campaign_id, share, secret))
        if rows:
            db.executemany(HELD, [(row, reason, reason) for row, reason in rows])


def _held_out(
    db: duckdb.DuckDBPyConnection, campaign_id: str, share: float, secret: bytes
) -> Iterator[tuple[int, str]]:
    arms = dict(db.execute(ASSIGNED, {"campaign": campaign_id}).fetchall())
    found: dict[str, set[int]] = {HOLDOUT: set(), CONTAMINATED: set()}
    for row, person, anchor in db.execute(ASKED).fetchall():
        told = arms.get(person, ())
        if len(told) > 1:
            found[CONTAMINATED].add(row)
        elif CONTROL in told or (not told and drawn(secret, campaign_id, anchor) < share):
            found[HOLDOUT].add(row)
    for reason, rows in found.items():
        yield from ((row, reason) for row in rows)


def drawn(secret: bytes, campaign_id: str, anchor: str) -> float:
    """Where somebody lies between 0 and 1, as `with_arm` draws it."""
    digest = hmac.digest(secret, f"holdout:{campaign_id}:{anchor}".encode(), "sha256").hex()
    return int(digest[:DIGITS], 16) / 16.0**DIGITS
