-- Which of a person's addresses take messages, word by word (DESIGN 6, suppressions: bounced).
-- Every hard bounce and subscription on a channel that has addresses, and the addresses that it is
-- about: those of the channel's type among its own identifiers; of a bounce without any, those of
-- the person's first sending of that message, else of the sending that it answers.
WITH kinds(channel, identifier_type) AS (
    VALUES ('email', 'email'), ('sms', 'phone'), ('call', 'phone')
),

words AS (
    SELECT m.person_id, m.type, m.event_id, m.occurred_at, m.message_id, m.identifier_set, m.sent_set,
        k.channel, k.identifier_type
    FROM (
        SELECT 'bounced' AS type, * FROM closed WHERE reason = 'bounced'
        UNION ALL BY NAME
        SELECT 'subscribed' AS type, * FROM openings WHERE opens = 'refusals'
    ) AS m
    JOIN kinds AS k ON k.channel = m.channel OR (m.type = 'subscribed' AND m.channel = 'all')
    WHERE is_person(m.person_id)
),

first_sent AS (
    SELECT
        message_id,
        person_id,
        (min({sent_at: occurred_at, event_id: event_id, identifier_set: identifier_set})).identifier_set
            AS identifier_set
    FROM message_events
    WHERE type = 'sent'
    GROUP BY message_id, person_id
),

named AS (
    SELECT m.identifier_set, i.identifier_type, list(i.identifier_key) AS keys
    FROM members AS m
    JOIN identifiers AS i USING (node)
    WHERE NOT i.is_blocked
    GROUP BY m.identifier_set, i.identifier_type
)

SELECT
    w.person_id,
    w.type,
    w.event_id,
    w.occurred_at,
    w.channel,
    w.identifier_type,
    coalesce(own.keys, CASE WHEN w.type = 'bounced' THEN coalesce(sent.keys, any_sent.keys) END, [])
        AS addresses
FROM words AS w
LEFT JOIN first_sent AS f ON f.message_id = w.message_id AND f.person_id = w.person_id
LEFT JOIN named AS own
    ON own.identifier_set = w.identifier_set AND own.identifier_type = w.identifier_type
LEFT JOIN named AS sent
    ON sent.identifier_set = f.identifier_set AND sent.identifier_type = w.identifier_type
LEFT JOIN named AS any_sent
    ON any_sent.identifier_set = w.sent_set AND any_sent.identifier_type = w.identifier_type
