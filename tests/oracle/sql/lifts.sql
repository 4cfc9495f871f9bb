-- What lifts a rule of a bought line (DESIGN 6, purchases): the first event of a type that the rule
-- names by which no unit of the line is kept (see returns.py), also when it came before the order.
-- Under one number goods and refunds tell of the same and count once.
WITH counted AS (
    SELECT
        r.name AS policy,
        order_id,
        line_number,
        b.units,
        t.number,
        {occurred_at: t.occurred_at, event_id: t.event_id} AS event,
        CASE WHEN t.type <> 'order_refunded' THEN t.units ELSE 0 END AS goods,
        CASE WHEN t.type = 'order_refunded' THEN t.units ELSE 0 END AS refunds
    FROM bought AS b
    JOIN taken AS t USING (order_id, line_number)
    JOIN rules AS r ON list_contains(r.lifted_by, t.type)
    WHERE r.reason IN ('purchased', 'price_regret', 'unfulfilled') AND t.units > 0
),

so_far AS (
    SELECT
        now.policy,
        now.order_id,
        now.line_number,
        now.event,
        now.units,
        greatest(least(now.units, sum(past.goods)), sum(past.refunds)) AS back
    FROM (SELECT DISTINCT policy, order_id, line_number, units, event FROM counted) AS now
    JOIN counted AS past USING (policy, order_id, line_number)
    WHERE past.event <= now.event
    GROUP BY now.policy, now.order_id, now.line_number, now.event, now.units, past.number
)

SELECT policy, order_id, line_number, min(event) AS lift
FROM (
    SELECT policy, order_id, line_number, event
    FROM so_far
    GROUP BY policy, order_id, line_number, event, units
    HAVING sum(back) >= units
)
GROUP BY policy, order_id, line_number
