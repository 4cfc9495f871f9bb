-- Each order at its first placing, with what was paid; nobody else's placing of it counts.
WITH placed AS (
    SELECT
        person_id,
        order_id,
        occurred_at,
        event_id,
        any_value(campaign_id) AS campaign_id,
        any_value(currency) AS currency,
        CAST(coalesce(sum(amount), 0) AS DECIMAL(28, 4)) AS revenue
    FROM lines
    WHERE type = 'order_placed'
    GROUP BY person_id, order_id, occurred_at, event_id
)

SELECT *
FROM placed
QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY occurred_at, event_id) = 1
