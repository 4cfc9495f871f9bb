-- What identifiers of each type, and of all, came to, and how many of them one person has at most.
WITH told AS (
    SELECT identifier_type, state, person_id, part
    FROM labels
    JOIN together USING (node)
    UNION ALL
    SELECT 'all' AS identifier_type, state, person_id, part
    FROM labels
    JOIN together USING (node)
),

crowds AS (
    SELECT identifier_type, max(number) AS largest
    FROM (
        SELECT identifier_type, count(*) AS number FROM told WHERE state <> 'blocked'
        GROUP BY identifier_type, part
    )
    GROUP BY identifier_type
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
    coalesce(any_value(most), 0) AS most_of_one_person_count,
    coalesce(any_value(largest), 0) AS together_count
FROM told
LEFT JOIN crowds USING (identifier_type)
LEFT JOIN persons USING (identifier_type)
GROUP BY identifier_type
