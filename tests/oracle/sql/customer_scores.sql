-- Where each customer stands at as_of.
WITH lately AS (
    SELECT person_id, sum(value) AS value
    FROM customer_orders
    CROSS JOIN settings AS s
    WHERE placed_at > s.as_of - INTERVAL 365 DAY
    GROUP BY person_id
),

closed AS (
    SELECT contact_id, max(occurred_at) AS closed_at
    FROM service
    WHERE type = 'contact_closed'
    GROUP BY contact_id
),

contacts AS (
    SELECT
        o.person_id,
        coalesce(contact_id, event_id) AS contact,
        max(o.occurred_at) AS opened_at,
        max(c.closed_at) AS closed_at
    FROM owned('service') AS o
    CROSS JOIN settings AS s
    LEFT JOIN closed AS c USING (contact_id)
    WHERE o.type = 'contact_opened' AND o.occurred_at > s.as_of - INTERVAL 90 DAY
    GROUP BY ALL
),

turned AS (
    SELECT
        person_id,
        count(*) AS contacts,
        count(*) FILTER (closed_at IS NULL OR closed_at < opened_at) AS still_open
    FROM contacts
    GROUP BY person_id
),

bad AS (
    SELECT person_id, count(*) AS times
    FROM (
        SELECT person_id, event_id AS what, 'complained' AS kind
        FROM message_events
        CROSS JOIN settings AS s
        WHERE type = 'complained' AND occurred_at > s.as_of - INTERVAL 90 DAY
        UNION
        SELECT g.person_id, g.message_id, 'sent'
        FROM regrets AS g
        CROSS JOIN settings AS s
        JOIN rules AS r ON r.name = g.policy
        WHERE r.reason IN ('purchased', 'price_regret', 'service_open', 'unfulfilled') AND g.sent_at > s.as_of - INTERVAL 90 DAY
    )
    GROUP BY person_id
),

opened AS (
    SELECT person_id, NOT bool_and(machine_open IS TRUE) AS by_persons
    FROM message_events
    WHERE type = 'opened'
    GROUP BY person_id
),

told AS (
    SELECT
        c.*,
        s AS settings,
        s.as_of AS as_of,
        (epoch_us(s.as_of) - epoch_us(c.last_order_at)) // 86_400_000_000 AS days
    FROM customers AS c
    CROSS JOIN settings AS s
)

SELECT
    person_id,
    CASE
        WHEN last_order_at IS NULL THEN 'prospect'
        WHEN
            first_order_at > as_of - settings.new_for
            AND (
                settings.history_from IS NULL
                OR first_order_at >= settings.history_from + settings.new_for
            )
            THEN 'new'
        WHEN last_order_at > as_of - settings.active_for THEN 'active'
        WHEN last_order_at > as_of - settings.active_for - settings.lapsing_for THEN 'lapsing'
        ELSE 'lapsed'
    END AS lifecycle,
    CAST(days AS INTEGER) AS recency_days,
    CASE WHEN days IS NOT NULL THEN
        CAST(5 - len(list_filter(settings.recency_days, lambda b: days > b)) AS INTEGER)
    END AS recency_score,
    CASE WHEN orders > 0 THEN
        CAST(1 + len(list_filter(settings.orders, lambda b: orders >= b)) AS INTEGER)
    END AS frequency_score,
    CASE WHEN orders > 0 THEN
        CAST(1 + len(list_filter(settings.revenue, lambda b: revenue_total >= b)) AS INTEGER)
    END AS money_score,
    coalesce(money(l.value), 0) AS revenue_365d,
    coalesce(money(l.value), 0) >= settings.valued_from AS valued,
    coalesce(turned.contacts, 0) AS contacts_90d,
    coalesce(turned.still_open, 0) AS open_contacts,
    coalesce(bad.times, 0) AS bad_experiences_90d,
    coalesce(opened.by_persons, true) AS opens_observable,
    as_of
FROM told
LEFT JOIN lately AS l USING (person_id)
LEFT JOIN turned USING (person_id)
LEFT JOIN bad USING (person_id)
LEFT JOIN opened USING (person_id)
