-- Every bought line under each rule about what was bought, with when it was bought: when it was ordered
-- or, where the rule says so, first paid for, by its id, else by its product, else as part of the order,
-- not before the order and within `paid_within` of it; what nobody paid for is not there, nor what only
-- lowers the rest, such as a voucher.
WITH payments AS (
    SELECT
        b.order_id,
        b.line_number,
        min({occurred_at: e.occurred_at, event_id: e.event_id}) AS payment
    FROM bought AS b
    JOIN lines AS e USING (order_id)
    WHERE
        e.type = 'order_paid'
        AND CASE
            WHEN e.line_id IS NOT NULL THEN e.line_id = b.line_id
            WHEN e.sku IS NOT NULL THEN e.sku = b.sku
            ELSE true
        END
    GROUP BY b.order_id, b.line_number
)

SELECT
    b.*,
    r.name AS policy,
    r.reason,
    r.match,
    r.lasts,
    r.lasts_share,
    r.channels,
    r.options,
    coalesce(r.options ->> 'at' = 'order_paid', false) AS is_by_payment,
    CASE
        WHEN is_by_payment THEN greatest(b.occurred_at, p.payment.occurred_at) ELSE b.occurred_at
    END AS bought_at,
    CASE
        WHEN is_by_payment AND p.payment.event_id <> b.event_id
            THEN [named('purchases', b.event_id), named('purchases', p.payment.event_id)]
        ELSE [named('purchases', b.event_id)]
    END AS evidence,
    CASE WHEN is_by_payment THEN p.payment.event_id ELSE b.event_id END AS cause_id
FROM bought AS b
CROSS JOIN rules AS r
LEFT JOIN payments AS p USING (order_id, line_number)
WHERE
    r.reason IN ('purchased', 'price_regret')
    AND is_person(b.person_id)
    AND NOT b.is_negative
    AND (
        NOT is_by_payment
        OR coalesce(
            p.payment.occurred_at
            <= b.occurred_at + coalesce(span(r.options ->> 'paid_within'), INTERVAL 30 DAY),
            false
        )
    )
