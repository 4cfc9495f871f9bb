-- What the rules no_consent, unsubscribed, bounced and complained share: what a person or their
-- mailbox has turned down, until they say otherwise later; at the very same moment the
-- refusal wins. What is withdrawn or turned down for all channels is lifted only by a word for all.
-- A bounce is also lifted by another address of that person, linked and itself not bounced, as soon
-- as there is one; where nobody knows which address bounced, by one that was first seen after it.
WITH turned_down AS (
    SELECT
        'no_consent' AS reason,
        person_id,
        channel,
        purpose,
        occurred_at,
        'profiles' AS stream,
        event_id
    FROM consents
    WHERE type = 'consent_withdrawn' AND is_person(person_id)
    UNION ALL
    SELECT type, person_id, channel, 'marketing', occurred_at, 'messages', event_id
    FROM message_events
    WHERE
        (type IN ('unsubscribed', 'complained') OR (type = 'bounced' AND bounce = 'hard'))
        AND is_person(person_id)
),

granted AS (
    SELECT
        r.stream,
        r.event_id,
        r.purpose,
        g.occurred_at AS lifted_at,
        'profiles' AS by_stream,
        g.event_id AS by_id
    FROM turned_down AS r
    JOIN consents AS g USING (person_id, purpose)
    WHERE
        r.reason = 'no_consent'
        AND g.type = 'consent_granted'
        AND (g.channel IS NULL OR g.channel = r.channel)
        AND g.occurred_at > r.occurred_at
),

subscribed AS (
    SELECT r.stream, r.event_id, r.purpose, s.occurred_at, 'messages', s.event_id
    FROM turned_down AS r
    JOIN message_events AS s USING (person_id)
    WHERE
        r.reason <> 'no_consent'
        AND s.type = 'subscribed'
        AND (s.channel = 'all' OR s.channel IS NOT DISTINCT FROM r.channel)
        AND s.occurred_at > r.occurred_at
),

others AS (
    SELECT b.event_id, b.person_id, b.channel, l.identifier_key,
        greatest(b.occurred_at, l.first_seen_at) AS valid_at
    FROM addresses AS b
    JOIN labels AS l USING (person_id, identifier_type)
    WHERE
        b.type = 'bounced'
        AND l.state = 'linked'
        AND CASE
            WHEN b.addresses = [] THEN l.first_seen_at > b.occurred_at
            ELSE NOT list_contains(b.addresses, l.identifier_key)
        END
),

-- The last bounce of each such address by then, and whether it was subscribed since.
dead AS (
    SELECT o.event_id, o.identifier_key, max(b.occurred_at) AS bounced_at
    FROM others AS o
    JOIN addresses AS b USING (person_id, channel)
    WHERE
        b.type = 'bounced'
        AND list_contains(b.addresses, o.identifier_key)
        AND b.occurred_at <= o.valid_at
    GROUP BY o.event_id, o.identifier_key
),

moved AS (
    SELECT 'messages', o.event_id, 'marketing', o.valid_at, 'identifier', o.identifier_key
    FROM others AS o
    LEFT JOIN dead AS d USING (event_id, identifier_key)
    WHERE
        d.bounced_at IS NULL
        OR EXISTS (
            FROM addresses AS s
            WHERE
                s.type = 'subscribed'
                AND s.person_id = o.person_id
                AND s.channel = o.channel
                AND (s.addresses = [] OR list_contains(s.addresses, o.identifier_key))
                AND s.occurred_at > d.bounced_at
                AND s.occurred_at <= o.valid_at
        )
),

-- Of two at one moment the person's own word is named.
lifts AS (
    SELECT
        stream,
        event_id,
        purpose,
        min(
            {
                lifted_at: lifted_at,
                is_address: by_stream = 'identifier',
                stream: by_stream,
                id: by_id
            }
        ) AS lift
    FROM (FROM granted UNION ALL FROM subscribed UNION ALL FROM moved)
    GROUP BY stream, event_id, purpose
)

SELECT
    r.person_id,
    r.reason,
    nullif(r.channel, 'all') AS channel,
    'purpose' AS scope_kind,
    r.purpose AS scope_value,
    r.occurred_at AS starts_at,
    l.lift.lifted_at AS ends_at,
    named(l.lift.stream, l.lift.id) AS lifted_by,
    [named(r.stream, r.event_id)] AS evidence,
    r.stream AS cause_stream,
    r.event_id AS cause_id,
    CAST(NULL AS INTEGER) AS line_number
FROM turned_down AS r
LEFT JOIN lifts AS l USING (stream, event_id, purpose)
