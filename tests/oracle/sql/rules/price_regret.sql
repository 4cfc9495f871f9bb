-- price_regret: no discount on what was bought at full price, for `lasts` after the order or until the
-- line is taken back (see lifts.sql). A line is at full price unless a discount is told on it, its
-- order has a coupon, a voucher lowered it, it cost nothing, or its product's price, in the business's
-- currency, is known and was not paid. One row a channel of the rule.
WITH bought_under_rules AS (
    SELECT
        l.*,
        coalesce(l.match, 'sku') AS scope_kind,
        CASE coalesce(l.match, 'sku')
            WHEN 'sku' THEN l.sku
            WHEN 'category' THEN coalesce(l.category, p.category)
            WHEN 'brand' THEN p.brand
        END AS scope_value,
        l.bought_at + l.lasts AS lapses_at
    FROM under_rules AS l
    CROSS JOIN settings AS s
    LEFT JOIN products AS p USING (sku)
    WHERE
        l.reason = 'price_regret'
        AND coalesce(l.discount, 0) = 0
        AND coalesce(len(l.coupons), 0) = 0
        AND (
            l.amount IS NULL
            OR l.amount > 0
            AND l.paid >= CAST(l.amount AS DECIMAL(28, 4)) * 10000
            AND (
                p.price IS NULL
                OR l.currency <> s.currency
                OR l.paid
                >= round(CAST(l.units AS DOUBLE) * p.price * coalesce(CAST(l.options ->> 'full_from' AS DOUBLE), 1))
            )
        )
),

ended AS (
    SELECT
        b.*,
        u.lift,
        coalesce(u.lift.occurred_at < b.lapses_at, false) AS is_lifted
    FROM bought_under_rules AS b
    LEFT JOIN lifts AS u USING (policy, order_id, line_number)
    WHERE b.scope_value IS NOT NULL OR b.scope_kind = 'all'
)

SELECT
    person_id,
    policy,
    'price_regret' AS reason,
    unnest(each_channel(channels)) AS channel,
    scope_kind,
    scope_value,
    true AS of_discounts,
    bought_at AS starts_at,
    CASE WHEN is_lifted THEN greatest(bought_at, lift.occurred_at) ELSE lapses_at END AS ends_at,
    CASE WHEN is_lifted THEN named('purchases', lift.event_id) END AS lifted_by,
    evidence,
    'purchases' AS cause_stream,
    cause_id,
    line_number
FROM ended
