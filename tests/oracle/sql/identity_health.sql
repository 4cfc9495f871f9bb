-- What identifiers of each type, and of all, came to, and how many of them one person has at most.
WITH told AS (
    SELECT identifier_type, state, person_id FROM labels
    UNION ALL
    SELECT 'all' AS identifier_type, state, person_id FROM labels
),

held AS (
    SELECT identifier_type, person_id, count(*) AS number
    FROM told
    WHERE state = 'linked'
    GROUP BY identifier_type, person_id
),

persons AS (
    SELECT identifier_type, count(*) AS persons_count, max(number) AS most FROM held GROUP BY ALL
)

SELECT
    identifier_type,
    count(*) FILTER (state = 'linked') AS linked_count,
    count(*) FILTER (state = 'hub') AS hub_count,
    count(*) FILTER (state = 'neutral') AS neutral_count,
    count(*) FILTER (state = 'blocked') AS blocked_count,
    coalesce(any_value(persons_count), 0) AS persons_count,
    coalesce(any_value(most), 0) AS most_of_one_person_count
FROM told
LEFT JOIN persons USING (identifier_type)
GROUP BY identifier_type
