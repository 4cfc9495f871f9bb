-- What became of each message sent, and which orders count for it (see touches.sql). A goal is reached
-- by an order that counts for more than a product that the message offered. An opening by a machine is
-- none.
WITH reached AS (
    SELECT
        message_id,
        min(occurred_at) FILTER (type = 'delivered') AS delivered_at,
        min(occurred_at) FILTER (type = 'opened' AND machine_open IS NOT TRUE) AS opened_at,
        min(occurred_at) FILTER (type = 'clicked') AS clicked_at
    FROM messages
    GROUP BY message_id
),

followed AS (
    SELECT
        t.message_id,
        list(
            {
                order_id: o.order_id,
                converted_at: o.occurred_at,
                revenue: o.revenue,
                currency: o.currency,
                touch: t.touch,
                weights: t.weights
            }
            ORDER BY o.occurred_at, o.order_id
        ) AS orders,
        min(o.occurred_at) FILTER (t.touch <> 'product') AS goal_reached_at
    FROM touches AS t
    JOIN orders AS o USING (order_id)
    GROUP BY t.message_id
)

SELECT
    message_id,
    s.person_id,
    s.campaign_id,
    s.variant,
    s.channel,
    s.occurred_at AS sent_at,
    r.delivered_at,
    r.opened_at,
    r.clicked_at,
    coalesce(f.orders, []) AS orders,
    f.goal_reached_at
FROM sendings AS s
JOIN reached AS r USING (message_id)
LEFT JOIN followed AS f USING (message_id)
