"""The one moment: usual hours, leads and quiet hours, on both nights of the clock's change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pyspark.sql import functions as F

from tactful.transforms.legal_hours import legal_week, strictest, week
from tactful.transforms.plans.limits import INTERRUPTING
from tactful.transforms.plans.moments import with_moment
from tactful.transforms.quiet_hours import next_open, outside

ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Sydney", "Pacific/Auckland",
    "America/Santiago", "Pacific/Apia",
)  # fmt: skip
NIGHTS = (datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 3, 28, tzinfo=UTC),
          datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC))  # fmt: skip
QUIET = outside("22", "7")
COLUMNS = (
    "id int, channel string, purpose string, proposed_at string, time_zone string, phone string, "
    "lead_minutes int, usual_response_hour int, promised_at string"
)


def told(spark, rows, as_of, **options):
    frame = spark.createDataFrame([(n, *row) for n, row in enumerate(rows)], COLUMNS)
    stamps = {n: F.col(n).cast("timestamp") for n in ("proposed_at", "promised_at")}
    found = with_moment(
        frame.withColumns(stamps), as_of=as_of, interrupting=INTERRUPTING, **options
    )
    rows = found.select("id", F.unix_micros("moment").alias("at")).collect()
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return {r["id"]: r["at"] and start + timedelta(microseconds=r["at"]) for r in rows}


def test_a_lead_before_the_usual_hour_on_every_night(spark):
    """The muffin comes before the coffee; whose moment is missed waits for the next."""
    asked, expected = [], []
    for zone in ZONES:
        for night in NIGHTS:
            for hours in range(0, 48, 7):
                at = night + timedelta(hours=hours)
                asked.append(("email", "marketing", at.isoformat(), zone, None, 20, 8, None))
                expected.append(next_open(at, [zone], week("7:40-7:41")))
    found = told(spark, asked, NIGHTS[0], quiet=QUIET)
    assert [found[n] for n in range(len(asked))] == expected


def test_what_decides_where_hours_disagree(spark):
    noon = datetime(2026, 6, 3, 12, tzinfo=UTC)
    at, later = noon.isoformat(), (noon + timedelta(hours=20)).isoformat()
    french, known = "Europe/Paris", "+33612345678"
    rows = [
        # Nobody knows her habit: now.
        ("email", "marketing", at, french, None, 0, None, None),
        # Her usual hour is a quiet one, which decides alone: two in the afternoon is open.
        ("email", "marketing", at, french, None, 0, 3, None),
        # The site does not interrupt: no hour is asked.
        ("web", "marketing", at, french, None, 0, 8, None),
        # A text at 22:00 there, to a French number: at eight in the morning.
        ("sms", "marketing", later.replace("08:00", "20:30"), french, known, 0, None, None),
        # A call to nobody knows whom: the strictest of all.
        ("call", "marketing", at, french, None, 0, None, None),
        # A parcel has come: the business's own quiet hours hold, the law's for marketing do not.
        ("sms", "transactional", at, french, known, 0, None, None),
        # What was promised for half past eleven is said now, usual hour or not.
        ("email", "marketing", at, french, None, 0, 8, (noon - timedelta(minutes=30)).isoformat()),
    ]
    found = told(spark, rows, noon, quiet=QUIET)
    strict = legal_week("call", country=None)
    assert found[0] == noon
    assert found[1] == noon
    assert found[2] == noon
    text = datetime.fromisoformat(later.replace("08:00", "20:30"))
    assert found[3] == next_open(
        text, [french], strictest([legal_week("sms", country="FR"), QUIET])
    )
    assert found[4] == next_open(noon, [french], strictest([strict, QUIET]))
    assert found[5] == noon
    assert found[6] == noon
