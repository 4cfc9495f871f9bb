-- When each set of identifiers was first and last seen together in an event, and in which.
SELECT
    identifier_set,
    min(occurred_at) AS first_seen_at,
    max(occurred_at) AS last_seen_at,
    min({occurred_at: occurred_at, stream: stream, event_id: event_id}) AS first_event,
    max({occurred_at: occurred_at, stream: stream, event_id: event_id}) AS last_event
FROM events
WHERE identifier_set IS NOT NULL
GROUP BY identifier_set
