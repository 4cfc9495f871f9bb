-- The pairs of identifiers of which a word of the business holds: always_link or never_link. Of one
-- that was never seen in an event there is nothing to link or to keep apart.
SELECT one.node, other.node AS other_node, m.kind
FROM said_links AS m
JOIN identifiers AS one ON one.identifier_key = m.identifier_key
JOIN identifiers AS other ON other.identifier_key = m.other_key
WHERE m.is_standing
