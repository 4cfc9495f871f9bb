-- Stars (DESIGN 6, identity rule 3): each event is a star over its identifiers that are neither
-- blocked nor hubs, around the first by priority and key (nodes are numbered in that order).
-- Of a unique type only the first value is in it: two customers are never one by one event. What
-- somebody says is one person is one node, the best of them.
WITH star AS (
    SELECT DISTINCT m.identifier_set, f.best AS node
    FROM members AS m
    JOIN identifiers AS i USING (node)
    JOIN stands_for AS f USING (node)
    WHERE NOT i.is_blocked AND m.node NOT IN (SELECT node FROM crowded)
),

typed AS (
    SELECT s.identifier_set, s.node, i.identifier_type, t.is_unique
    FROM star AS s
    JOIN identifiers AS i USING (node)
    JOIN types AS t ON t.type = i.identifier_type
)

SELECT identifier_set, node, min(node) OVER (PARTITION BY identifier_set) AS centre
FROM typed
QUALIFY NOT is_unique
    OR node = min(node) OVER (PARTITION BY identifier_set, identifier_type)
