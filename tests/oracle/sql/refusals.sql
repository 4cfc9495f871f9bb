-- What the rules no_consent, unsubscribed, bounced and complained share: what a person or their
-- mailbox has turned down, until they say otherwise later; at the very same moment the
-- refusal wins. What is withdrawn or turned down for all channels is lifted only by a word for all.
-- A bounce is also lifted by another address of that person, linked and itself not bounced, as soon
-- as there is one; where nobody knows which address bounced, by one that was first seen after it.
-- One about several channels stands until the last of them is opened.
-- A browser or a banner says the same with every page: only the first of its signals counts, unless
-- between them consent was granted.
WITH repeated AS (
    SELECT DISTINCT s.person_id, s.event_id, s.purpose
    FROM closed AS s
    JOIN closed AS before USING (person_id, purpose)
    WHERE
        s.reason = 'no_consent'
        AND before.reason = 'no_consent'
        AND s.attribute IN ('gpc', 'tcf_string', 'gpp_string', 'us_privacy')
        AND before.attribute IN ('gpc', 'tcf_string', 'gpp_string', 'us_privacy')
        AND (before.occurred_at, before.event_id) < (s.occurred_at, s.event_id)
        AND NOT EXISTS (
            FROM openings AS g
            WHERE
                g.opens = 'no_consent'
                AND g.person_id = s.person_id
                AND g.purpose = s.purpose
                AND (g.channel IS NULL OR g.channel = 'ad')
                AND g.occurred_at > before.occurred_at
                AND g.occurred_at <= s.occurred_at
        )
),

granted AS (
    SELECT r.person_id, r.stream, r.event_id, r.purpose, r.channel, g.occurred_at AS lifted_at,
        g.stream AS by_stream, g.event_id AS by_id
    FROM closed AS r
    JOIN openings AS g USING (person_id, purpose)
    WHERE
        r.reason = 'no_consent'
        AND g.opens = 'no_consent'
        AND (g.channel IS NULL OR g.channel = r.channel)
        AND g.occurred_at > r.occurred_at
),

subscribed AS (
    SELECT r.person_id, r.stream, r.event_id, r.purpose, r.channel, s.occurred_at, s.stream, s.event_id
    FROM closed AS r
    JOIN openings AS s USING (person_id)
    WHERE
        r.reason <> 'no_consent'
        AND s.opens = 'refusals'
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
    SELECT o.event_id, o.person_id, o.channel, o.identifier_key, max(b.occurred_at) AS bounced_at
    FROM others AS o
    JOIN addresses AS b USING (person_id, channel)
    WHERE
        b.type = 'bounced'
        AND list_contains(b.addresses, o.identifier_key)
        AND b.occurred_at <= o.valid_at
    GROUP BY o.event_id, o.person_id, o.channel, o.identifier_key
),

moved AS (
    SELECT o.person_id, 'messages', o.event_id, 'marketing', o.channel, o.valid_at, 'identifier',
        o.identifier_key
    FROM others AS o
    LEFT JOIN dead AS d USING (event_id, person_id, channel, identifier_key)
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
        person_id,
        stream,
        event_id,
        purpose,
        channel,
        min(
            {
                lifted_at: lifted_at,
                is_address: by_stream = 'identifier',
                stream: by_stream,
                id: by_id
            }
        ) AS lift
    FROM (FROM granted UNION ALL FROM subscribed UNION ALL FROM moved)
    GROUP BY ALL
),

lifted AS (
    SELECT r.*, l.lift
    FROM closed AS r
    LEFT JOIN lifts AS l
        ON l.person_id = r.person_id
        AND l.stream = r.stream
        AND l.event_id = r.event_id
        AND l.purpose = r.purpose
        AND l.channel IS NOT DISTINCT FROM r.channel
    WHERE r.reason <> 'no_consent' OR NOT EXISTS (
        FROM repeated AS s
        WHERE s.person_id = r.person_id AND s.event_id = r.event_id AND s.purpose = r.purpose
    )
),

ended AS (
    SELECT
        * EXCLUDE (lift),
        CASE WHEN bool_and(lift IS NOT NULL) OVER w THEN max(lift) OVER w END AS lift
    FROM lifted
    WINDOW w AS (PARTITION BY person_id, stream, event_id, purpose)
)

SELECT
    person_id,
    reason,
    nullif(channel, 'all') AS channel,
    'purpose' AS scope_kind,
    purpose AS scope_value,
    occurred_at AS starts_at,
    lift.lifted_at AS ends_at,
    named(lift.stream, lift.id) AS lifted_by,
    [named(stream, event_id)] AS evidence,
    stream AS cause_stream,
    event_id AS cause_id,
    CAST(NULL AS INTEGER) AS line_number
FROM ended
