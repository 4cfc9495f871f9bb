-- What is known of each person that owns an event; a shared device's steady id is one too.
-- Where no shared device owns a set of identifiers, all its events have one owner, and when the set
-- was seen tells as much as each event. What became of a message is its person's.
WITH sights AS (
    SELECT
        any_value(o.person_id) AS person_id,
        min(e.occurred_at) AS first_seen_at,
        max(e.occurred_at) AS last_seen_at
    FROM events AS e
    JOIN owners AS o USING (identifier_set)
    WHERE o.neutral_from_at IS NULL AND e.stream <> 'messages'
    GROUP BY identifier_set
    UNION ALL
    SELECT person_id, occurred_at, occurred_at
    FROM owned('events')
    WHERE
        identifier_set IN (SELECT identifier_set FROM owners WHERE neutral_from_at IS NOT NULL)
        AND stream <> 'messages'
    UNION ALL
    SELECT person_id, occurred_at, occurred_at
    FROM message_events
),

seen AS (
    SELECT person_id, min(first_seen_at) AS first_seen_at, max(last_seen_at) AS last_seen_at
    FROM sights
    WHERE person_id IS NOT NULL
    GROUP BY person_id
),

-- What was taken back of a line (see returns.py): under one number goods and refunds tell of the
-- same and count once; never more than was paid.
given_back AS (
    SELECT
        order_id,
        line_number,
        greatest(
            least(b.paid, coalesce(sum(t.money) FILTER (t.type <> 'order_refunded'), 0)),
            coalesce(sum(t.money) FILTER (t.type = 'order_refunded'), 0)
        ) AS money,
        coalesce(sum(t.units) FILTER (t.type = 'order_cancelled'), 0) AS cancelled
    FROM bought AS b
    JOIN taken AS t USING (order_id, line_number)
    GROUP BY order_id, line_number, number, b.paid
),

settled AS (
    SELECT
        b.person_id,
        order_id,
        line_number,
        b.occurred_at,
        b.currency,
        b.paid - least(b.paid, coalesce(sum(g.money), 0)) AS kept,
        coalesce(sum(g.cancelled), 0) >= b.units AS is_cancelled
    FROM bought AS b
    LEFT JOIN given_back AS g USING (order_id, line_number)
    WHERE b.person_id IS NOT NULL
    GROUP BY b.person_id, order_id, line_number, b.occurred_at, b.currency, b.paid, b.units
),

-- An order stands unless each of its lines was cancelled.
standing AS (
    SELECT person_id, min(occurred_at) AS placed_at
    FROM settled
    GROUP BY person_id, order_id
    HAVING NOT bool_and(is_cancelled)
),

ordered AS (
    SELECT person_id, count(*) AS orders, max(placed_at) AS last_order_at
    FROM standing
    GROUP BY person_id
),

earned AS (
    SELECT person_id, map(list(currency ORDER BY currency), list(kept ORDER BY currency)) AS revenue
    FROM (
        SELECT
            person_id,
            currency,
            CAST(CAST(sum(kept) AS DECIMAL(28, 0)) * 0.0001 AS DECIMAL(28, 4)) AS kept
        FROM settled
        GROUP BY person_id, currency
    )
    GROUP BY person_id
),

contacted AS (
    SELECT
        person_id,
        list({key: channel, value: sent} ORDER BY channel) AS sends,
        list({key: channel, value: opened} ORDER BY channel) FILTER (opened > 0) AS opens,
        list({key: channel, value: clicked} ORDER BY channel) FILTER (clicked > 0) AS clicks
    FROM (
        SELECT
            person_id,
            channel,
            count(*) AS sent,
            count(opened_at) AS opened,
            count(clicked_at) AS clicked
        FROM outcomes
        WHERE person_id IS NOT NULL AND channel IS NOT NULL
        GROUP BY person_id, channel
    )
    GROUP BY person_id
),

-- The newest answer per channel and purpose; at the same moment a withdrawal wins.
consented AS (
    SELECT person_id, list({key: topic, value: is_granted} ORDER BY topic) AS consents
    FROM (
        SELECT
            person_id,
            coalesce(channel, '*') || ':' || purpose AS topic,
            NOT (max({said_at: occurred_at, withdrawn: type = 'consent_withdrawn'})).withdrawn
                AS is_granted
        FROM consents
        WHERE person_id IS NOT NULL
        GROUP BY person_id, topic
    )
    GROUP BY person_id
)

SELECT
    person_id,
    seen.first_seen_at,
    seen.last_seen_at,
    coalesce(ordered.orders, 0) AS orders,
    coalesce(earned.revenue, MAP {}) AS revenue,
    ordered.last_order_at,
    CAST(
        (epoch_us(s.as_of) - epoch_us(ordered.last_order_at)) // 86_400_000_000 AS INTEGER
    ) AS recency_days,
    coalesce(map_from_entries(contacted.sends), MAP {}) AS sends,
    coalesce(map_from_entries(contacted.opens), MAP {}) AS opens,
    coalesce(map_from_entries(contacted.clicks), MAP {}) AS clicks,
    coalesce(map_from_entries(consented.consents), MAP {}) AS consents,
    s.as_of
FROM seen
LEFT JOIN ordered USING (person_id)
LEFT JOIN earned USING (person_id)
LEFT JOIN contacted USING (person_id)
LEFT JOIN consented USING (person_id)
CROSS JOIN settings AS s
