-- What is known of each identifier (DESIGN 6, identity rules 4 and 6).
-- A person is named after the identifier of theirs that was seen first. A neutral device is its
-- first person's until a second was seen with it, and from then on nobody's: n_<key>. With it was
-- seen who owns the first identifier, neither hub nor neutral, of an event that holds the device.
-- What had a link that has ended is nobody's from then on, and neutral, too; before, it is theirs whom
-- it was last linked to, where parts say so.
WITH seen AS (
    SELECT m.node, min(s.first_seen_at) AS first_seen_at, max(s.last_seen_at) AS last_seen_at
    FROM members AS m
    JOIN sightings AS s USING (identifier_set)
    GROUP BY m.node
),

persons AS (
    SELECT part, 'p_' || (min({seen: first_seen_at, key: identifier_key})).key AS person_id
    FROM parts
    JOIN seen USING (node)
    JOIN identifiers USING (node)
    WHERE state = 'linked'
    GROUP BY part
),

shared_sets AS (
    SELECT m.node AS device, m.identifier_set
    FROM members AS m
    JOIN parts AS p USING (node)
    WHERE p.state = 'neutral'
),

known_by AS (
    SELECT m.identifier_set, arg_min(p.part, m.node) AS part
    FROM members AS m
    JOIN parts AS p USING (node)
    WHERE p.state = 'linked' AND m.identifier_set IN (SELECT identifier_set FROM shared_sets)
    GROUP BY m.identifier_set
),

met AS (
    SELECT
        s.device,
        k.part,
        min({occurred_at: e.occurred_at, stream: e.stream, event_id: e.event_id}) AS met_at
    FROM shared_sets AS s
    JOIN known_by AS k USING (identifier_set)
    JOIN events AS e USING (identifier_set)
    GROUP BY s.device, k.part
),

shared AS (
    SELECT
        device AS node,
        (min({met_at: met_at, part: part})).part AS first_part,
        (list(met_at ORDER BY met_at)[2]).occurred_at AS neutral_from_at
    FROM met
    GROUP BY device
)

SELECT
    node,
    i.identifier_key,
    i.identifier_type,
    person_id,
    seen.first_seen_at,
    seen.last_seen_at,
    p.state,
    CASE WHEN p.state = 'neutral' THEN coalesce(p.ended_at, shared.neutral_from_at) END AS neutral_from_at,
    CASE WHEN p.state = 'neutral' THEN 'n_' || i.identifier_key END AS neutral_person_id
FROM identifiers AS i
JOIN seen USING (node)
JOIN parts AS p USING (node)
LEFT JOIN shared USING (node)
LEFT JOIN persons ON persons.part = CASE WHEN p.state = 'neutral' THEN coalesce(p.theirs, first_part) ELSE p.part END
