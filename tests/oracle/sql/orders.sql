-- Each order with what was paid.
SELECT
    order_id,
    any_value(person_id) AS person_id,
    any_value(occurred_at) AS occurred_at,
    any_value(event_id) AS event_id,
    any_value(campaign_id) AS campaign_id,
    any_value(told_currency) AS currency,
    CAST(coalesce(sum(amount), 0) AS DECIMAL(28, 4)) AS revenue
FROM bought
GROUP BY order_id
