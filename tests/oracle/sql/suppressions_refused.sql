-- no_consent, unsubscribed, bounced (hard), complained (DESIGN 6, suppressions): what a person or
-- their mailbox has turned down, until they say otherwise later; at the very same moment the
-- refusal wins. A consent withdrawn for all channels is lifted only by a grant for all. A bounce
-- is also lifted by an address of that person, linked, that was first seen after it.
WITH refusals AS (
    SELECT
        'no_consent' AS reason,
        person_id,
        channel,
        coalesce(purpose, 'marketing') AS purpose,
        occurred_at,
        'profiles' AS stream,
        event_id
    FROM owned('profiles')
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
        g.occurred_at AS lifted_at,
        'profiles' AS by_stream,
        g.event_id AS by_id
    FROM refusals AS r
    JOIN owned('profiles') AS g USING (person_id)
    WHERE
        r.reason = 'no_consent'
        AND g.type = 'consent_granted'
        AND coalesce(g.purpose, 'marketing') = r.purpose
        AND (g.channel IS NULL OR g.channel = r.channel)
        AND g.occurred_at > r.occurred_at
),

subscribed AS (
    SELECT r.stream, r.event_id, s.occurred_at, 'messages', s.event_id
    FROM refusals AS r
    JOIN message_events AS s USING (person_id)
    WHERE
        r.reason <> 'no_consent'
        AND s.type = 'subscribed'
        AND s.channel IS NOT DISTINCT FROM r.channel
        AND s.occurred_at > r.occurred_at
),

moved AS (
    SELECT r.stream, r.event_id, l.first_seen_at, 'identifier', l.identifier_key
    FROM refusals AS r
    JOIN labels AS l USING (person_id)
    WHERE
        r.reason = 'bounced'
        AND l.state = 'linked'
        AND l.first_seen_at > r.occurred_at
        AND CASE
            WHEN r.channel = 'email' THEN l.identifier_type = 'email'
            WHEN r.channel IN ('sms', 'call') THEN l.identifier_type = 'phone'
        END
),

-- Of two at one moment the person's own word is named.
lifts AS (
    SELECT
        stream,
        event_id,
        min(
            {
                lifted_at: lifted_at,
                is_address: by_stream = 'identifier',
                stream: by_stream,
                id: by_id
            }
        ) AS lift
    FROM (FROM granted UNION ALL FROM subscribed UNION ALL FROM moved)
    GROUP BY stream, event_id
)

SELECT
    r.person_id,
    rule.name AS policy,
    r.reason,
    r.channel,
    'purpose' AS scope_kind,
    r.purpose AS scope_value,
    r.occurred_at AS starts_at,
    l.lift.lifted_at AS ends_at,
    named(l.lift.stream, l.lift.id) AS lifted_by,
    [named(r.stream, r.event_id)] AS evidence,
    r.stream AS cause_stream,
    r.event_id AS cause_id,
    CAST(NULL AS INTEGER) AS line_number
FROM refusals AS r
JOIN rules AS rule USING (reason)
LEFT JOIN lifts AS l USING (stream, event_id)
