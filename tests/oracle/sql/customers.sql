-- What is known of each person that owns an event; a shared device's steady id is one too.
-- Where no shared device owns a set of identifiers, all its events have one owner, and when the set
-- was seen tells as much as each event.
WITH sights AS (
    SELECT o.person_id, s.first_seen_at, s.last_seen_at
    FROM sightings AS s
    JOIN owners AS o USING (identifier_set)
    WHERE o.neutral_from_at IS NULL
    UNION ALL
    SELECT person_id, occurred_at, occurred_at
    FROM owned('events')
    WHERE identifier_set IN (SELECT identifier_set FROM owners WHERE neutral_from_at IS NOT NULL)
),

seen AS (
    SELECT person_id, min(first_seen_at) AS first_seen_at, max(last_seen_at) AS last_seen_at
    FROM sights
    WHERE person_id IS NOT NULL
    GROUP BY person_id
),

placed AS (
    SELECT
        person_id,
        order_id,
        event_id,
        line_number,
        line_id,
        sku,
        occurred_at,
        coalesce(l.currency, s.currency) AS currency,
        greatest(coalesce(amount, 0), 0) AS paid
    FROM lines AS l
    CROSS JOIN settings AS s
    WHERE type = 'order_placed' AND person_id IS NOT NULL
),

-- What was given back of a line; an undoing that tells no amount gives all of it back.
undone AS (
    SELECT
        p.event_id,
        p.line_number,
        bool_or(undo.type = 'order_cancelled') AS is_cancelled,
        sum(given_back(undo.line_id, undo.sku, undo.amount, p.paid)) FILTER (undo.type = 'order_returned') AS returned,
        sum(given_back(undo.line_id, undo.sku, undo.amount, p.paid)) FILTER (undo.type = 'order_refunded') AS refunded
    FROM placed AS p
    JOIN lines AS undo USING (order_id)
    WHERE
        undo.type IN ('order_cancelled', 'order_returned', 'order_refunded')
        AND acts_on(undo.line_id, undo.sku, p.line_id, p.sku)
    GROUP BY p.event_id, p.line_number
),

-- A return and its refund tell of the same money and count once; never less than nothing.
settled AS (
    SELECT
        p.*,
        coalesce(u.is_cancelled, false) AS is_cancelled,
        CASE
            WHEN u.is_cancelled THEN 0
            ELSE p.paid - least(p.paid, greatest(u.returned, u.refunded, 0))
        END AS kept
    FROM placed AS p
    LEFT JOIN undone AS u USING (event_id, line_number)
),

-- An order stands unless each of its lines was cancelled; sent twice, it was placed when first sent.
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
        SELECT person_id, currency, CAST(sum(kept) AS DECIMAL(28, 4)) AS kept
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
            coalesce(channel, '*') || ':' || coalesce(purpose, 'marketing') AS topic,
            NOT (max({said_at: occurred_at, withdrawn: type = 'consent_withdrawn'})).withdrawn
                AS is_granted
        FROM owned('profiles')
        WHERE type IN ('consent_granted', 'consent_withdrawn') AND person_id IS NOT NULL
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
