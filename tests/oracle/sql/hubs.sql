-- The identifiers that came out as hubs, and with how many others each was ever seen.
WITH seen_with AS (
    SELECT m.node, count(DISTINCT other.node) AS seen_with_count
    FROM members AS m
    JOIN members AS other USING (identifier_set)
    JOIN identifiers AS i ON i.node = other.node
    WHERE m.node <> other.node AND NOT i.is_blocked
    GROUP BY m.node
)

SELECT
    identifier_key,
    identifier_type,
    coalesce(seen_with_count, 0) AS seen_with_count,
    first_seen_at,
    last_seen_at
FROM labels
LEFT JOIN seen_with USING (node)
WHERE state = 'hub'
