-- Each order with what was paid, but for those that were cancelled line by line; a line of a negative
-- amount is nothing that was bought.
WITH cancelled AS (
    SELECT order_id, line_number, sum(units) AS units
    FROM taken
    WHERE type = 'order_cancelled'
    GROUP BY order_id, line_number
)

SELECT
    order_id,
    any_value(person_id) AS person_id,
    any_value(occurred_at) AS occurred_at,
    any_value(event_id) AS event_id,
    any_value(campaign_id) AS campaign_id,
    any_value(currency) AS currency,
    money(sum(paid)) AS revenue
FROM bought AS b
LEFT JOIN cancelled AS c USING (order_id, line_number)
WHERE NOT is_negative
GROUP BY order_id
HAVING NOT bool_and(coalesce(c.units, 0) >= b.units)
