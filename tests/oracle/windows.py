"""When a day, week or month of a zone's calendar began, and when the next begins, step by step."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from duckdb import DuckDBPyConnection

from tests.oracle.inputs import TEXT, TIME, put

WINDOWS = [("calendar", TEXT), ("week_starts", TEXT), ("time_zone", TEXT), ("moment", TIME),
           ("starts_at", TIME), ("ends_at", TIME)]  # fmt: skip
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
QUARTER = timedelta(minutes=15)


def put_windows(db: DuckDBPyConnection) -> None:
    """Make `windows`: around each counted message, and around now, the window of each calendar."""
    asked = db.execute(
        """
        SELECT DISTINCT
            calendar, week_starts, c.time_zone, unnest([occurred_at, as_of]) AS moment
        FROM counted AS c
        CROSS JOIN settings
        WHERE calendar IS NOT NULL
        """
    ).fetchall()
    rows = [
        dict(zip((name for name, _ in WINDOWS), (*told, *around(*told)), strict=True))
        for told in asked
    ]
    put(db, "windows", rows, WINDOWS)


def around(
    calendar: str, week_starts: str, zone: str, moment: datetime
) -> tuple[datetime, datetime]:
    """The first moment of the window, and that of the next; times are UTC by agreement."""
    local = ZoneInfo(zone)
    day = moment.replace(tzinfo=UTC).astimezone(local).date()
    first = day
    if calendar == "month":
        first = day.replace(day=1)
        after = (first + timedelta(days=31)).replace(day=1)
    elif calendar == "week":
        while WEEK[first.weekday()] != week_starts:
            first -= timedelta(days=1)
        after = first + timedelta(days=7)
    else:
        after = day + timedelta(days=1)
    return first_moment(first, local), first_moment(after, local)


def first_moment(day: date, zone: ZoneInfo) -> datetime:
    """The earliest moment at which clocks show this day, or a later one where they skip it."""
    at = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    while (at - QUARTER).astimezone(zone).date() >= day:
        at -= QUARTER
    return at.replace(tzinfo=None)
