-- Links (DESIGN 6, identity rule 3): each event is a star over its identifiers that are neither
-- blocked nor hubs, around the first by priority and key (nodes are numbered in that order).
-- Of a unique type only the first value is linked: two customers are never one by one event.
WITH star AS (
    SELECT m.identifier_set, m.node, i.identifier_type, t.is_unique
    FROM members AS m
    JOIN identifiers AS i USING (node)
    JOIN types AS t ON t.type = i.identifier_type
    WHERE NOT i.is_blocked AND m.node NOT IN (SELECT node FROM hubs)
),

centres AS (
    SELECT identifier_set, min(node) AS centre
    FROM star
    GROUP BY identifier_set
),

firsts AS (
    SELECT identifier_set, identifier_type, min(node) AS first_value
    FROM star
    WHERE is_unique
    GROUP BY identifier_set, identifier_type
)

SELECT DISTINCT c.centre, s.node
FROM star AS s
JOIN centres AS c USING (identifier_set)
LEFT JOIN firsts AS f USING (identifier_set, identifier_type)
WHERE s.node <> c.centre AND (NOT s.is_unique OR s.node = f.first_value)
