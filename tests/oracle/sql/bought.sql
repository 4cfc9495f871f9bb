-- What was bought, one row a line (DESIGN 4): an order sent more than once was placed when first
-- sent, by whom its first placing names that names anybody, be it a hub. A line without quantity, or
-- with 0, is one unit. Units and what was paid are whole ten-thousandths, so that they can be shared
-- out.
WITH naming AS (
    SELECT DISTINCT m.identifier_set
    FROM members AS m
    JOIN identifiers AS i USING (node)
    WHERE NOT i.is_blocked
),

buyers AS (
    SELECT order_id, person_id
    FROM lines
    JOIN naming USING (identifier_set)
    WHERE type = 'order_placed'
    QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY occurred_at, event_id) = 1
)

SELECT
    l.* EXCLUDE (currency, person_id),
    b.person_id,
    l.currency AS told_currency,
    coalesce(l.currency, s.currency) AS currency,
    CAST(
        10000 * CAST(CASE WHEN quantity <> 0 THEN abs(quantity) ELSE 1 END AS DECIMAL(28, 4))
        AS BIGINT
    ) AS units,
    CAST(10000 * CAST(greatest(coalesce(amount, 0), 0) AS DECIMAL(28, 4)) AS BIGINT) AS paid
FROM lines AS l
LEFT JOIN buyers AS b USING (order_id)
CROSS JOIN settings AS s
WHERE type = 'order_placed'
QUALIFY rank() OVER (PARTITION BY order_id ORDER BY occurred_at, event_id) = 1
