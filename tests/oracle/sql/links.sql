-- Links (DESIGN 6, identity rule 3): centre and member of each star, with the newest event that says
-- so. A link lives until the shorter window of its two types has gone by since that event.
WITH told AS (
    SELECT s.centre, s.node, max(e.last_event) AS last_event
    FROM stars AS s
    JOIN sightings AS e USING (identifier_set)
    WHERE s.node <> s.centre
    GROUP BY s.centre, s.node
),

windows AS (
    SELECT l.*, least(a.link_window, b.link_window) AS link_window
    FROM told AS l
    JOIN identifiers AS x ON x.node = l.centre
    JOIN identifiers AS y ON y.node = l.node
    JOIN types AS a ON a.type = x.identifier_type
    JOIN types AS b ON b.type = y.identifier_type
)

SELECT
    centre,
    node,
    rank() OVER (ORDER BY last_event) AS newest,
    link_window IS NULL OR last_event.occurred_at + link_window > (FROM identity_settings SELECT as_of)
        AS lives,
    coalesce(epoch_us(last_event.occurred_at + link_window), -1) AS until
FROM windows
