-- What each person bought, one row a line, with what of it was kept. Under one number goods and
-- refunds tell of the same and count once; never more than was bought or paid. Money is whole
-- ten-thousandths; its value is in the business's currency, by the newest rate of a day not behind
-- the order's. The cost is that of the goods that did not come back: a refund of money alone brings
-- none. A line of quantity 0 costs nothing, one whose amount nobody told has no margin, and one of a
-- negative amount is nothing that was bought.
WITH back_by_number AS (
    SELECT
        order_id,
        line_number,
        greatest(
            least(b.paid, coalesce(sum(t.money) FILTER (t.type <> 'order_refunded'), 0)),
            coalesce(sum(t.money) FILTER (t.type = 'order_refunded'), 0)
        ) AS money,
        greatest(
            least(b.units, coalesce(sum(t.units) FILTER (t.type <> 'order_refunded' AND t.goods), 0)),
            coalesce(sum(t.units) FILTER (t.type = 'order_refunded' AND t.goods), 0)
        ) AS goods,
        coalesce(sum(t.units) FILTER (t.type = 'order_cancelled'), 0) AS cancelled,
        coalesce(sum(t.units) FILTER (t.type = 'order_returned'), 0) AS returned
    FROM bought AS b
    JOIN taken AS t USING (order_id, line_number)
    GROUP BY order_id, line_number, number, b.paid, b.units
),

back AS (
    SELECT
        order_id,
        line_number,
        sum(money) AS money,
        sum(goods) AS goods,
        sum(cancelled) AS cancelled,
        sum(returned) AS returned
    FROM back_by_number
    GROUP BY order_id, line_number
),

-- Cheap, middling or dear: thirds of the places among the priced products of a category.
banded AS (
    SELECT
        sku,
        CASE
            WHEN 3 * (place - 1) < priced - 1 THEN 'low'
            WHEN 3 * (place - 1) < 2 * (priced - 1) THEN 'middle'
            ELSE 'high'
        END AS band
    FROM (
        SELECT
            sku,
            rank() OVER (PARTITION BY category ORDER BY price) AS place,
            count(*) OVER (PARTITION BY category) AS priced
        FROM products
        WHERE category IS NOT NULL AND price IS NOT NULL
    )
    WHERE priced >= 3
),

kept AS (
    SELECT
        b.person_id,
        b.order_id,
        b.line_number,
        b.occurred_at,
        b.currency,
        b.sku,
        coalesce(b.category, p.category) AS category,
        p.brand,
        p.cost,
        g.band,
        lower(b.place) AS place,
        b.store_id,
        coalesce(b.discount <> 0, false) OR coalesce(len(b.coupons) > 0, false) AS is_discounted,
        b.paid - least(b.paid, coalesce(k.money, 0)) AS kept,
        CASE
            WHEN b.quantity = 0 THEN 0
            ELSE b.units - least(b.units, coalesce(k.goods, 0))
        END AS kept_units,
        b.amount IS NOT NULL AS is_told,
        coalesce(k.cancelled, 0) >= b.units AS is_cancelled,
        coalesce(k.returned, 0) > 0 AS is_returned,
        CASE
            WHEN b.currency = s.currency THEN 100_000_000
            ELSE (
                SELECT arg_max(CAST(r.rate * CAST(100_000_000 AS DECIMAL(20, 0)) AS HUGEINT), r.day)
                FROM rates AS r
                WHERE r.currency = b.currency AND r.day <= CAST(b.occurred_at AS DATE)
            )
        END AS rate
    FROM bought AS b
    CROSS JOIN settings AS s
    LEFT JOIN back AS k USING (order_id, line_number)
    LEFT JOIN products AS p USING (sku)
    LEFT JOIN banded AS g USING (sku)
    WHERE b.person_id IS NOT NULL AND NOT b.is_negative
)

SELECT
    * EXCLUDE (rate, cost, is_told),
    (2 * kept::HUGEINT * rate + 100_000_000) // 200_000_000 AS value,
    CASE
        WHEN is_told
            THEN
                (2 * kept::HUGEINT * rate + 100_000_000) // 200_000_000
                - (2 * CAST(cost * 10_000 AS HUGEINT) * kept_units + 10_000) // 20_000
    END AS margin
FROM kept
