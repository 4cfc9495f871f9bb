"""What does not fit now and there: whom a screened campaign must not reach where they are."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb

from tactful.jobs.screen.campaign import Campaign
from tactful.jobs.settings.config import Config
from tactful.schemas.countries import COUNTRIES
from tactful.transforms.checks import CHECKS
from tactful.transforms.checks.check import Here

# Where everybody of a row was last seen, as far as anything that happened says it.
THERE = r"""
    CREATE TABLE there AS
    WITH mine AS (
        SELECT DISTINCT row, person_id FROM named WHERE state = 'linked'
    ),
    told AS (
        SELECT i.person_id, c.occurred_at, c.event_id, c.geo.region AS region,
               regexp_extract(
                   upper(trim(c.geo.country)), '^([A-Z]{2})(-[A-Z0-9]{1,3})?$', 1
               ) AS country
        FROM clicks AS c
        JOIN identity AS i ON i.identifier_key = c.anchor_key AND i.state = 'linked'
        WHERE i.person_id IN (SELECT person_id FROM mine) AND c.occurred_at <= $now
    ),
    last AS (
        SELECT person_id, arg_max(
            {country: country, region: region}, {moment: occurred_at, id: event_id}
        ) AS place
        FROM told WHERE list_contains($countries, country) GROUP BY person_id
    )
    SELECT r.row, l.place.country AS country, l.place.region AS region, c.time_zone
    FROM list_rows AS r
    LEFT JOIN mine AS m USING (row)
    LEFT JOIN last AS l ON l.person_id = m.person_id
    LEFT JOIN customers AS c ON c.person_id = m.person_id
"""
PLACES = "SELECT DISTINCT country, region, time_zone FROM there"
WEATHER = """
    SELECT upper(trim(region)) AS place, day,
           arg_min({temperature: temperature, rain: rain}, region) AS weather
    FROM context GROUP BY ALL
"""
HELD = """
    INSERT INTO held
    SELECT row, $reason, $policy, max($until::TIMESTAMPTZ), bool_or($until IS NULL)
    FROM there
    WHERE country IS NOT DISTINCT FROM $country AND region IS NOT DISTINCT FROM $region
      AND time_zone IS NOT DISTINCT FROM $time_zone
    GROUP BY row
"""


def put_out_of_context(
    db: duckdb.DuckDBPyConnection, campaign: Campaign, config: Config, now: datetime
) -> None:
    """Add to `held` what the configured checks say against the campaign where somebody is now.

    A check that names entries of [[activate]] is about what these say alone. Once each place and
    clock is asked, not each row.
    """
    asked = [
        one
        for one in config.checks_of_all
        if not one.options.channels or campaign.channel in one.options.channels
    ]
    if not asked:
        return
    db.execute(THERE, {"now": now, "countries": [*COUNTRIES]})
    weather = {(place, day): told for place, day, told in db.execute(WEATHER).fetchall()}
    for country, region, zone in db.execute(PLACES).fetchall():
        local = now.astimezone(ZoneInfo(zone or config.business.time_zone))
        here = Here(country, region, local, campaign.products, weather)
        for one in asked:
            against, until = CHECKS[one.when].here(one.options, here)
            if against:
                told = {"reason": one.when, "policy": one.name, "until": until}
                place = {"country": country, "region": region, "time_zone": zone}
                db.execute(HELD, {**told, **place})
