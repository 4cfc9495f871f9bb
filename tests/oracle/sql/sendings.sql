-- Each message at its first sending.
SELECT *
FROM message_events
WHERE type = 'sent'
QUALIFY row_number() OVER (PARTITION BY message_id ORDER BY occurred_at, event_id) = 1
