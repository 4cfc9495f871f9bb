-- All that was accepted and has happened by as_of, whatever the stream. Newest, oldest, first and
-- last mean the order (occurred_at, stream, event_id); arrival never decides (DESIGN 6, time).
SELECT 'clicks' AS stream, event_id, occurred_at, identifier_set FROM clicks
UNION ALL
SELECT 'purchases', event_id, occurred_at, identifier_set FROM purchases
UNION ALL
SELECT 'messages', event_id, occurred_at, identifier_set FROM messages
UNION ALL
SELECT 'profiles', event_id, occurred_at, identifier_set FROM profiles
UNION ALL
SELECT 'service', event_id, occurred_at, identifier_set FROM service
