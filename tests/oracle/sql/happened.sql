-- What persons did, one row an event (or a line of a purchase), with what triggers ask of it.
SELECT *, {occurred_at: occurred_at, stream: stream, event_id: event_id} AS ref
FROM (
    SELECT 'clicks' AS stream, * FROM owned('clicks')
    UNION ALL BY NAME
    SELECT 'purchases' AS stream, * FROM lines
    UNION ALL BY NAME
    SELECT 'messages' AS stream, * FROM owned('messages')
    UNION ALL BY NAME
    SELECT 'profiles' AS stream, * FROM owned('profiles')
    UNION ALL BY NAME
    SELECT 'service' AS stream, * FROM owned('service')
)
WHERE is_person(person_id)
