"""The one moment: usual hours, leads and quiet hours, on both nights of the clock's change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pyspark.sql import functions as F

from tactful.schemas.country_zones import COUNTRY_ZONES
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
BUSINESS = "Europe/Berlin"
COLUMNS = (
    "id int, channel string, purpose string, proposed_at string, time_zone string, phone string, "
    "lead_minutes int, usual_response_hour int, promised_at string"
)


def told(spark, rows, as_of, **options):
    frame = spark.createDataFrame([(n, *row) for n, row in enumerate(rows)], COLUMNS)
    is_known = F.col("time_zone").isNotNull()
    zone = {"is_zone_known": is_known, "time_zone": F.coalesce("time_zone", F.lit(BUSINESS))}
    stamps = {n: F.col(n).cast("timestamp") for n in ("proposed_at", "promised_at")}
    found = with_moment(
        frame.withColumns({**stamps, **zone}), as_of=as_of, interrupting=INTERRUPTING, **options
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


def test_by_whose_clock_nobody_knows_is_by_all_of_the_countrys(spark):
    """A text at nine in Berlin, the business's hour; on Hawaii it is night until 18 UTC."""
    at = datetime(2026, 6, 3, 7, tzinfo=UTC)

    def text(phone, zone=None, channel="sms"):
        return (channel, "marketing", at.isoformat(), zone, phone, 0, None, None)

    numbers = {
        "+12125550100": (*COUNTRY_ZONES["US"], *COUNTRY_ZONES["CA"]),
        "+17875550100": COUNTRY_ZONES["PR"],
        "+77015550100": COUNTRY_ZONES["KZ"],
        "+79015550100": COUNTRY_ZONES["RU"],
        "+33612345678": COUNTRY_ZONES["FR"],
        "+88299901234": (BUSINESS,),
    }
    weeks = {"+1": ("US", "CA"), "+33": ("FR",)}

    def lawful(phone):
        named = next((told for code, told in weeks.items() if phone.startswith(code)), ("",))
        return strictest([w for one in named if (w := legal_week("sms", country=one))])

    rows = [text(phone) for phone in numbers]
    rows += [text("+12125550100", "Europe/Paris"), text(None, channel="email")]
    found = told(spark, rows, at)
    for n, (phone, zones) in enumerate(numbers.items()):
        assert found[n] == next_open(at, zones, lawful(phone)), phone
    known = len(numbers)
    assert found[known] == next_open(at, ["Europe/Paris"], lawful("+1")), "she told where she lives"
    assert found[known + 1] == at
    assert (found[0] - at) > timedelta(hours=10)


def test_the_hours_that_a_message_is_fit_for(spark):
    """Breakfast is offered in the morning; of others nothing is said."""
    noon = datetime(2026, 6, 3, 12, tzinfo=UTC)
    rows = [(channel, "marketing", noon.isoformat(), "Europe/Berlin", None, 0, None, None)
            for channel in ("email", "web")]  # fmt: skip
    fitting = [(week("6-10"), F.col("channel") == "web")]
    found = told(spark, rows, noon, fitting=fitting)
    assert found[0] == noon
    assert found[1] == datetime(2026, 6, 4, 4, tzinfo=UTC)
