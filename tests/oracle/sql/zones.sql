-- In which zone a person lived when each message was heard of: as they had told by then, else where
-- they had last been seen by then, else the business's. What is no name of a zone says nothing; of what
-- is told the best word alone is asked.
WITH moments AS (
    SELECT DISTINCT person_id, occurred_at
    FROM message_events
    WHERE is_person(person_id)
),

told AS (
    SELECT m.person_id, m.occurred_at, z.time_zone
    FROM moments AS m
    JOIN statements AS s
        ON s.person_id = m.person_id
        AND s.attribute = 'time_zone'
        AND s.occurred_at <= m.occurred_at
    LEFT JOIN time_zones AS z ON z.time_zone = trim(s.value)
    QUALIFY row_number() OVER (
        PARTITION BY m.person_id, m.occurred_at
        ORDER BY s.place, s.occurred_at DESC, s.event_id DESC
    ) = 1
),

seen AS (
    SELECT
        m.person_id,
        m.occurred_at,
        max({moment: c.occurred_at, zone: c.geo.time_zone}).zone AS time_zone
    FROM moments AS m
    JOIN owned('clicks') AS c ON c.person_id = m.person_id AND c.occurred_at <= m.occurred_at
    JOIN time_zones AS z ON z.time_zone = c.geo.time_zone
    GROUP BY m.person_id, m.occurred_at
)

SELECT
    person_id,
    occurred_at,
    coalesce(t.time_zone, n.time_zone, s.time_zone) AS time_zone
FROM moments
CROSS JOIN settings AS s
LEFT JOIN told AS t USING (person_id, occurred_at)
LEFT JOIN seen AS n USING (person_id, occurred_at)
