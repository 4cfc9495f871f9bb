-- What device each person was last seen with, and their time zone: as they say, else where they were
-- last seen. What is no name of a zone says nothing.
WITH seen AS (
    SELECT
        person_id,
        lower(trim(device.os)) AS device_os,
        geo.time_zone AS time_zone,
        occurred_at
    FROM owned('clicks')
    WHERE person_id IS NOT NULL
),

devices AS (
    SELECT person_id, max({moment: occurred_at, os: device_os}).os AS device_os
    FROM seen
    WHERE device_os IS NOT NULL
    GROUP BY person_id
),

located AS (
    SELECT person_id, max({moment: occurred_at, zone: time_zone}).zone AS time_zone
    FROM seen
    JOIN time_zones USING (time_zone)
    GROUP BY person_id
),

told AS (
    SELECT a.person_id, z.time_zone
    FROM customer_answers AS a
    JOIN time_zones AS z ON z.time_zone = trim(a.value)
    WHERE a.attribute = 'time_zone'
)

SELECT person_id, device_os, coalesce(t.time_zone, l.time_zone) AS time_zone
FROM devices
FULL JOIN located AS l USING (person_id)
FULL JOIN told AS t USING (person_id)
