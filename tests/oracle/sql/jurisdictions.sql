-- The country by whose law each person is asked for consent: that of the newest word of consent that
-- names one, nobody's where that is no country; else that of the newest event of which one is known.
-- And what their silence means there: of who is nowhere the strictest.
WITH told AS (
    SELECT person_id, occurred_at, event_id, jurisdiction
    FROM owned('profiles')
    WHERE type IN ('consent_granted', 'consent_withdrawn')
    UNION
    SELECT c.person_id, p.occurred_at, p.event_id, p.jurisdiction
    FROM closed AS c
    JOIN profiles AS p USING (event_id)
    WHERE c.stream = 'profiles'
),

words AS (
    SELECT person_id, arg_max(jurisdiction, {moment: occurred_at, id: event_id}) AS word
    FROM told
    WHERE is_person(person_id) AND trim(jurisdiction, ' ') <> ''
    GROUP BY person_id
),

places AS (
    SELECT c.person_id, arg_max(l.country, {moment: c.occurred_at, id: c.event_id}) AS country
    FROM owned('clicks') AS c
    JOIN countries AS l ON l.country = country_in(c.geo.country)
    WHERE is_person(c.person_id)
    GROUP BY c.person_id
)

SELECT
    person_id,
    CASE WHEN word IS NULL THEN p.country ELSE c.country END AS jurisdiction
FROM words
FULL JOIN places AS p USING (person_id)
LEFT JOIN countries AS c ON c.country = country_in(word)
