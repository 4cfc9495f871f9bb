-- Whom each word that closes a channel closes it to (DESIGN 3, doubt is silence): the person it belongs
-- to and, of an event of a message, the one it names itself, on the message's channel and on its own.
-- What belongs to no person closes it to everybody who carries one of its identifiers. And an identifier
-- that is nobody's own (hub or neutral) keeps what was said by its name: a_<key> stands for it.
WITH said AS (
    SELECT
        'messages' AS stream, type AS reason, event_id, occurred_at, message_id, identifier_set, person_id,
        own_person_id, channel, own_channel, 'marketing' AS purpose
    FROM message_events
    WHERE type IN ('unsubscribed', 'complained') OR (type = 'bounced' AND bounce = 'hard')
    UNION ALL BY NAME
    SELECT
        'profiles' AS stream, 'no_consent' AS reason, event_id, occurred_at, identifier_set, person_id,
        channel, purpose
    FROM consents
    WHERE type = 'consent_withdrawn'
),

on_channels AS (
    SELECT * EXCLUDE (own_channel) FROM said
    UNION BY NAME
    SELECT * EXCLUDE (channel, own_channel), own_channel AS channel FROM said WHERE own_channel IS NOT NULL
),

names AS (
    SELECT m.identifier_set, i.node, i.identifier_key
    FROM members AS m
    JOIN identifiers AS i USING (node)
    WHERE NOT i.is_blocked
),

carriers AS (
    SELECT DISTINCT n.node, o.person_id
    FROM names AS n
    JOIN owners AS o USING (identifier_set)
    WHERE is_person(o.person_id)
),

meant AS (
    SELECT stream, event_id, person_id FROM said WHERE is_person(person_id)
    UNION
    SELECT stream, event_id, own_person_id FROM said WHERE is_person(own_person_id)
    UNION
    SELECT s.stream, s.event_id, c.person_id
    FROM said AS s
    JOIN names AS n USING (identifier_set)
    JOIN carriers AS c USING (node)
    WHERE is_person(s.person_id) IS NOT TRUE
    UNION
    SELECT s.stream, s.event_id, 'a_' || n.identifier_key
    FROM said AS s
    JOIN names AS n USING (identifier_set)
    JOIN labels AS l USING (node)
    WHERE l.state IN ('hub', 'neutral')
)

SELECT m.person_id, c.* EXCLUDE (person_id, own_person_id)
FROM on_channels AS c
JOIN meant AS m USING (stream, event_id)
