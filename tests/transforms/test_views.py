"""Views: what a person looked at, of which only what still says something is kept."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.transforms.jurisdictions import jurisdictions, whereabouts
from tactful.transforms.persons.customers import devices
from tactful.transforms.persons.profiles import answers
from tactful.transforms.persons.views import telling_views
from tests.timelines import timeline

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SETS = (["k1"], ["k1", "c1"], ["k2"], [])
ZONES = (None, "Europe/Berlin", "Asia/Tokyo", "Mars/Olympus", "")
COUNTRIES = (None, "DE", "us-ca", "ZZ", " fr ")


def views(seed: int, count: int = 60) -> list[dict[str, Any]]:
    """Views of four persons, some of one moment, some of which say little or what is none."""
    draw = random.Random(seed)
    return [
        {
            "person_id": draw.choice(("p_1", "p_2", "p_3", "n_4")),
            "event_id": f"e{seed}-{number}",
            "stream": "clicks",
            "event_class": "browse",
            "type": "page_view",
            "line_number": 0,
            "occurred_at": BEGIN + timedelta(hours=draw.randrange(12)),
            "identifier_keys": draw.choice(SETS),
            "device_os": draw.choice((None, None, "ios", "android")),
            "time_zone": draw.choice(ZONES),
            "country": draw.choice(COUNTRIES),
            "region": draw.choice((None, "BY", "TX")),
        }
        for number in range(count)
    ]


def said(rows: DataFrame) -> list[set[Any]]:
    """All that views say of persons, and which identifiers were seen together."""
    seen = rows.groupBy("person_id").agg(F.min("occurred_at"), F.max("occurred_at"))
    sets = rows.select("identifier_keys").distinct()
    told = (seen, devices(rows, answers(rows)), jurisdictions(rows), whereabouts(rows), sets)
    return [{repr(row) for row in part.collect()} for part in told]


@pytest.mark.parametrize("seed", range(8))
def test_the_same_follows_from_the_few(spark, seed):
    whole = timeline(spark, views(seed))
    few = telling_views(whole, wanted=F.lit(False))
    assert said(few) == said(whole)
    assert few.count() < whole.count()


def test_in_whatever_parts_they_come(spark):
    """What is kept of a part is enough, so that parts may be brought together."""
    parts = [timeline(spark, views(seed)) for seed in (20, 21)]
    whole = parts[0].unionByName(parts[1])
    kept = [telling_views(part, wanted=F.lit(False)) for part in parts]
    again = telling_views(kept[0].unionByName(kept[1]), wanted=F.lit(False))
    ids = [
        {row.event_id for row in rows.collect()}
        for rows in (again, telling_views(whole, wanted=F.lit(False)))
    ]
    assert ids[0] == ids[1]


def test_what_is_asked_for_stays(spark):
    rows = timeline(spark, views(30))
    told = F.col("country").isNotNull()
    kept = telling_views(rows, wanted=told)
    assert kept.where(told).count() == rows.where(told).count()
