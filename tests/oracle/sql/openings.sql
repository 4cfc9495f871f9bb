-- What opens a channel again: grants and subscriptions, each its own person's, and by its name that of an
-- identifier that is nobody's own.
WITH said AS (
    SELECT
        'profiles' AS stream, event_id, occurred_at, identifier_set, person_id, channel, purpose,
        'no_consent' AS opens
    FROM consents
    WHERE type = 'consent_granted'
    UNION ALL BY NAME
    SELECT
        'messages' AS stream, event_id, occurred_at, identifier_set, message_id, person_id, channel,
        'marketing' AS purpose, 'refusals' AS opens
    FROM message_events
    WHERE type = 'subscribed'
)

SELECT * FROM said WHERE is_person(person_id)
UNION ALL
SELECT s.* REPLACE ('a_' || l.identifier_key AS person_id)
FROM said AS s
JOIN members AS m USING (identifier_set)
JOIN labels AS l USING (node)
WHERE l.state IN ('hub', 'neutral')
