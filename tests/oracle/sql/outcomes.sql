-- What became of each message sent, and which orders followed: those of the same person within
-- the attribution window after its click, or, where the order names its campaign, after its
-- sending. An opening by a machine is none.
WITH reached AS (
    SELECT
        message_id,
        min(occurred_at) FILTER (type = 'delivered') AS delivered_at,
        min(occurred_at) FILTER (type = 'opened' AND machine_open IS NOT TRUE) AS opened_at,
        min(occurred_at) FILTER (type = 'clicked') AS clicked_at
    FROM messages
    GROUP BY message_id
),

sent AS (
    SELECT s.* RENAME (occurred_at AS sent_at), r.* EXCLUDE (message_id)
    FROM sendings AS s
    JOIN reached AS r USING (message_id)
),

followed AS (
    SELECT
        s.message_id,
        list(
            {
                order_id: o.order_id,
                converted_at: o.occurred_at,
                revenue: o.revenue,
                currency: o.currency
            }
            ORDER BY o.occurred_at, o.order_id
        ) AS orders
    FROM sent AS s
    JOIN orders AS o USING (person_id)
    CROSS JOIN settings AS c
    WHERE
        o.occurred_at BETWEEN s.clicked_at AND s.clicked_at + c.attribution_window
        OR (
            o.campaign_id = s.campaign_id
            AND o.occurred_at BETWEEN s.sent_at AND s.sent_at + c.attribution_window
        )
    GROUP BY s.message_id
)

SELECT
    message_id,
    s.person_id,
    s.campaign_id,
    s.variant,
    s.channel,
    s.sent_at,
    s.delivered_at,
    s.opened_at,
    s.clicked_at,
    coalesce(f.orders, []) AS orders,
    f.orders[1].converted_at AS goal_reached_at
FROM sent AS s
LEFT JOIN followed AS f USING (message_id)
