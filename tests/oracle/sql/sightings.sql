-- When each set of identifiers was first and last seen together in an event.
SELECT identifier_set, min(occurred_at) AS first_seen_at, max(occurred_at) AS last_seen_at
FROM events
WHERE identifier_set IS NOT NULL
GROUP BY identifier_set
