-- The first event by which no unit of a bought line is kept (see lifts.sql), whatever its type.
WITH counted AS (
    SELECT
        order_id,
        line_number,
        b.units,
        t.number,
        {occurred_at: t.occurred_at, stream: 'purchases', event_id: t.event_id} AS event,
        CASE WHEN t.type <> 'order_refunded' THEN t.units ELSE 0 END AS goods,
        CASE WHEN t.type = 'order_refunded' THEN t.units ELSE 0 END AS refunds
    FROM bought AS b
    JOIN taken AS t USING (order_id, line_number)
    WHERE t.units > 0
),

so_far AS (
    SELECT
        now.order_id,
        now.line_number,
        now.event,
        now.units,
        greatest(least(now.units, sum(past.goods)), sum(past.refunds)) AS back
    FROM (SELECT DISTINCT order_id, line_number, units, event FROM counted) AS now
    JOIN counted AS past USING (order_id, line_number)
    WHERE past.event <= now.event
    GROUP BY now.order_id, now.line_number, now.event, now.units, past.number
)

SELECT order_id, line_number, min(event) AS emptied
FROM (
    SELECT order_id, line_number, event
    FROM so_far
    GROUP BY order_id, line_number, event, units
    HAVING sum(back) >= units
)
GROUP BY order_id, line_number
