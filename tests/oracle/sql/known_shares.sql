-- How much of what happened, and of what was paid, is of a person, by source, stream and week (from
-- Monday, UTC). Paid is what the first placing of an order tells, line by line in the business's own
-- currency: at the newest rate that is of the order's day or before. What the business says of who is
-- who is no event.
WITH told AS (
    SELECT 'clicks' AS stream, source, occurred_at, person_id FROM owned('clicks')
    UNION ALL
    SELECT 'purchases', source, occurred_at, person_id FROM owned('purchases')
    UNION ALL
    SELECT 'messages', source, occurred_at, person_id FROM message_events
    UNION ALL
    SELECT 'profiles', source, occurred_at, person_id
    FROM owned('profiles')
    WHERE type NOT IN ('always_link', 'never_link', 'link_withdrawn')
    UNION ALL
    SELECT 'service', source, occurred_at, person_id FROM owned('service')
),

happened AS (
    SELECT
        coalesce(source, '') AS source,
        stream,
        CAST(date_trunc('week', CAST(occurred_at AS DATE)) AS DATE) AS week_on,
        count(*) AS events,
        count(*) FILTER (is_person(person_id)) AS known_events
    FROM told
    GROUP BY ALL
),

priced AS (
    SELECT
        b.*,
        CASE
            WHEN b.currency = s.currency THEN 1
            ELSE (
                SELECT arg_max(r.rate, r.day)
                FROM rates AS r
                WHERE r.currency = b.currency AND r.day <= CAST(b.occurred_at AS DATE)
            )
        END AS rate
    FROM bought AS b
    CROSS JOIN settings AS s
),

earned AS (
    SELECT
        coalesce(source, '') AS source,
        CAST(date_trunc('week', CAST(occurred_at AS DATE)) AS DATE) AS week_on,
        order_id,
        is_person(person_id) AS is_known,
        rate IS NULL AS is_unpriced,
        sum(CAST(CAST(money(paid) AS DECIMAL(20, 4)) * CAST(rate AS DECIMAL(18, 8)) AS DECIMAL(28, 4)))
            AS revenue
    FROM priced
    GROUP BY ALL
),

paid AS (
    SELECT
        source,
        'purchases' AS stream,
        week_on,
        sum(revenue) AS revenue,
        sum(revenue) FILTER (is_known) AS known_revenue,
        count(*) FILTER (is_unpriced) AS unpriced_orders
    FROM earned
    GROUP BY ALL
)

SELECT
    source,
    stream,
    week_on,
    h.events,
    h.known_events,
    ((20000 * h.known_events + h.events) // (2 * h.events)) / 10000 AS known_share,
    CAST(coalesce(p.revenue, 0) AS DECIMAL(28, 4)) AS revenue,
    CAST(coalesce(p.known_revenue, 0) AS DECIMAL(28, 4)) AS known_revenue,
    coalesce(p.unpriced_orders, 0) AS unpriced_orders
FROM happened AS h
LEFT JOIN paid AS p USING (source, stream, week_on)
