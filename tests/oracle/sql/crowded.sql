-- Crowded identifiers (DESIGN 6, identity rule 2): ever seen with more than max_links identifiers
-- of one type of higher priority (a smaller number), or with more than max_devices of one type of
-- lower priority. Each type counts apart; other hubs count too; types of equal priority do not.
WITH seen_with AS (
    SELECT DISTINCT m.node, other.node AS other
    FROM members AS m
    JOIN members AS other USING (identifier_set)
    WHERE m.node <> other.node
)

SELECT DISTINCT s.node
FROM seen_with AS s
JOIN identifiers AS x ON x.node = s.node AND NOT x.is_blocked
JOIN identifiers AS y ON y.node = s.other AND NOT y.is_blocked
JOIN types AS t ON t.type = x.identifier_type
WHERE x.priority <> y.priority
GROUP BY s.node, y.identifier_type, y.priority < x.priority, t.max_links, t.max_devices
HAVING count(*) > CASE WHEN y.priority < x.priority THEN t.max_links ELSE t.max_devices END
