-- What was bought, one row a line (DESIGN 4): an order sent more than once was placed when first
-- sent, by whom it was first placed. A line without quantity, or with 0, is one unit. Units and
-- what was paid are whole ten-thousandths, so that they can be shared out.
SELECT
    l.* EXCLUDE (currency),
    l.currency AS told_currency,
    coalesce(l.currency, s.currency) AS currency,
    CAST(
        10000 * CAST(CASE WHEN quantity <> 0 THEN abs(quantity) ELSE 1 END AS DECIMAL(28, 4))
        AS BIGINT
    ) AS units,
    CAST(10000 * CAST(greatest(coalesce(amount, 0), 0) AS DECIMAL(28, 4)) AS BIGINT) AS paid
FROM lines AS l
CROSS JOIN settings AS s
WHERE type = 'order_placed'
QUALIFY rank() OVER (PARTITION BY order_id ORDER BY occurred_at, event_id) = 1
