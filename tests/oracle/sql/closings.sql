-- Whom each word that closes a channel closes it to (DESIGN 3, doubt is silence): the person it belongs
-- to and, of an event of a message, the one it names itself, on the message's channel and on its own.
-- A word that names customers by number, or answers what was sent to them by number, is about each of
-- them. One of a message that was sent to several persons, each by itself, and that names none of
-- these is about each of them, unless they are more than twenty. One that names no number is about everybody who carries a hub or shared device that it names or that
-- its message was sent to, unless that sending names a customer; so is one by what is the newest or first
-- customer's, while others were seen with it, too. And an identifier that is nobody's own (hub or neutral) keeps what was said by its
-- name, or of what was sent to it: a_<key> stands for it.
WITH said AS (
    SELECT
        'messages' AS stream, type AS reason, event_id, occurred_at, message_id, identifier_set, person_id,
        own_person_id, channel, own_channel, 'marketing' AS purpose
    FROM message_events
    WHERE type IN ('unsubscribed', 'complained') OR (type = 'bounced' AND bounce = 'hard')
    UNION ALL BY NAME
    SELECT
        'profiles' AS stream, 'no_consent' AS reason, event_id, occurred_at, identifier_set, person_id,
        channel, purpose, attribute
    FROM consents
    WHERE type = 'consent_withdrawn'
),

names AS (
    SELECT m.identifier_set, i.node, i.identifier_key
    FROM members AS m
    JOIN identifiers AS i USING (node)
    WHERE NOT i.is_blocked
),

sent AS (
    SELECT message_id, own_person_id, identifier_set, {sent_at: occurred_at, event_id: event_id} AS place
    FROM message_events
    WHERE
        type = 'sent'
        AND message_id IS NOT NULL
        AND identifier_set IN (SELECT identifier_set FROM names)
),

first_sent AS (
    SELECT message_id, arg_min(identifier_set, place) AS sent_set FROM sent GROUP BY message_id
),

sent_to AS (
    SELECT message_id, own_person_id, arg_min(identifier_set, place) AS sent_set
    FROM sent
    WHERE is_person(own_person_id)
    GROUP BY message_id, own_person_id
),

-- Where the word is of whom the message was sent to, it is about what was sent to them.
answered AS (
    SELECT s.*, coalesce(t.sent_set, f.sent_set) AS sent_set
    FROM said AS s
    LEFT JOIN first_sent AS f USING (message_id)
    LEFT JOIN sent_to AS t ON t.message_id = s.message_id AND t.own_person_id = s.own_person_id
),

on_channels AS (
    SELECT * EXCLUDE (own_channel) FROM answered
    UNION BY NAME
    SELECT * EXCLUDE (channel, own_channel), own_channel AS channel
    FROM answered
    WHERE own_channel IS NOT NULL
),

carriers AS (
    SELECT DISTINCT n.node, o.person_id
    FROM names AS n
    JOIN owners AS o USING (identifier_set)
    WHERE is_person(o.person_id)
),

numbers AS (
    SELECT n.identifier_set, l.person_id
    FROM names AS n
    JOIN labels AS l USING (node)
    JOIN types AS t ON t.type = l.identifier_type
    WHERE t.is_unique AND l.state = 'linked'
),

-- The identifiers that are nobody's own by which a word is read, and whether it names a customer.
shared AS (
    SELECT
        a.stream,
        a.event_id,
        n.node,
        n.identifier_key,
        l.state <> 'linked' AS is_nobodys,
        coalesce(a.identifier_set IN (SELECT identifier_set FROM numbers), false)
        OR n.identifier_set IN (SELECT identifier_set FROM numbers) AS is_by_number
    FROM answered AS a
    JOIN names AS n ON n.identifier_set IN (a.identifier_set, a.sent_set)
    JOIN labels AS l USING (node)
    WHERE
        l.state IN ('hub', 'neutral')
        OR (
            (SELECT shared_devices FROM identity_settings) <> 'neutral'
            AND l.state = 'linked'
            AND EXISTS (
                SELECT 1 FROM carriers AS c WHERE c.node = n.node AND c.person_id <> l.person_id
            )
        )
),

few AS (
    SELECT message_id, own_person_id FROM sent_to
    QUALIFY count(*) OVER (PARTITION BY message_id) <= 20
),

meant AS (
    SELECT stream, event_id, person_id FROM said WHERE is_person(person_id)
    UNION
    SELECT s.stream, s.event_id, f.own_person_id
    FROM said AS s
    JOIN few AS f USING (message_id)
    WHERE NOT EXISTS (
        SELECT 1 FROM sent_to AS t
        WHERE t.message_id = s.message_id AND t.own_person_id = s.own_person_id
    )
    UNION
    SELECT stream, event_id, own_person_id FROM said WHERE is_person(own_person_id)
    UNION
    SELECT a.stream, a.event_id, n.person_id
    FROM answered AS a
    JOIN numbers AS n ON n.identifier_set IN (a.identifier_set, a.sent_set)
    UNION
    SELECT s.stream, s.event_id, c.person_id
    FROM shared AS s
    JOIN carriers AS c USING (node)
    WHERE NOT s.is_by_number
    UNION
    SELECT stream, event_id, 'a_' || identifier_key FROM shared WHERE is_nobodys
)

SELECT m.person_id, c.* EXCLUDE (person_id, own_person_id)
FROM on_channels AS c
JOIN meant AS m USING (stream, event_id)
