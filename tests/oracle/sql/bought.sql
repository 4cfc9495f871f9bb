-- What was bought, one row a line (DESIGN 4): an order sent more than once was placed when first
-- sent, by whom its first placing names that names anybody, be it a hub. A line without quantity, or
-- with 0, is one unit. Units and what was paid are whole ten-thousandths, so that they can be shared
-- out. What a line of a negative amount takes off is shared over the lines that cost something, by
-- what they cost and up to all of it: up to and with each line its part of what is taken off, cut to
-- whole ten-thousandths. An order beyond 4 × 10^18 of them is left as it is told.
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
),

told AS (
    SELECT *, CAST(10000 * CAST(coalesce(amount, 0) AS DECIMAL(28, 4)) AS HUGEINT) AS parts
    FROM lines
    WHERE type = 'order_placed'
    QUALIFY rank() OVER (PARTITION BY order_id ORDER BY occurred_at, event_id) = 1
),

whole AS (
    SELECT
        order_id,
        line_number,
        greatest(parts, 0) AS own,
        sum(greatest(parts, 0)) OVER (PARTITION BY order_id) AS every,
        sum(greatest(-parts, 0)) OVER (PARTITION BY order_id) AS off,
        sum(greatest(parts, 0)) OVER (PARTITION BY order_id ORDER BY line_number) AS upto
    FROM told
),

netted AS (
    SELECT
        order_id,
        line_number,
        CASE
            WHEN off = 0 OR own = 0 OR every > 4_000_000_000_000_000_000 THEN own
            ELSE own
                - least(off, every) * upto // every
                + least(off, every) * (upto - own) // every
        END AS paid
    FROM whole
)

SELECT
    l.* EXCLUDE (currency, person_id, parts),
    b.person_id,
    l.currency AS told_currency,
    coalesce(l.currency, s.currency) AS currency,
    coalesce(l.amount < 0, false) AS is_negative,
    CAST(
        10000 * CAST(CASE WHEN quantity <> 0 THEN abs(quantity) ELSE 1 END AS DECIMAL(28, 4))
        AS BIGINT
    ) AS units,
    CAST(n.paid AS BIGINT) AS paid
FROM told AS l
JOIN netted AS n USING (order_id, line_number)
LEFT JOIN buyers AS b USING (order_id)
CROSS JOIN settings AS s
