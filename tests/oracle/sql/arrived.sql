-- By which event all that is kept of a line was there, quantity by quantity: told by its id, else by its
-- product, else for the whole order; what tells no quantity delivers all that it is about.
-- `moments`: what of a line comes back, up to each event that matters to it.
WITH moments AS (
    SELECT order_id, line_number, event FROM steps WHERE type = 'order_delivered'
    UNION
    SELECT order_id, line_number, {occurred_at: occurred_at, event_id: event_id} FROM taken WHERE units > 0
),

numbered AS (
    SELECT
        m.order_id,
        m.line_number,
        m.event,
        greatest(
            least(any_value(b.units), coalesce(sum(t.units) FILTER (t.type <> 'order_refunded'), 0)),
            coalesce(sum(t.units) FILTER (t.type = 'order_refunded'), 0)
        ) AS back
    FROM moments AS m
    JOIN bought AS b USING (order_id, line_number)
    JOIN taken AS t ON t.order_id = m.order_id AND t.line_number = m.line_number
        AND (t.occurred_at, t.event_id) <= (m.event.occurred_at, m.event.event_id)
    GROUP BY m.order_id, m.line_number, m.event, t.number
),

given_back AS (
    SELECT order_id, line_number, event, sum(back) AS back
    FROM numbered
    GROUP BY order_id, line_number, event
),

cancelled AS (
    SELECT order_id, line_number, sum(units) AS units
    FROM taken
    WHERE type = 'order_cancelled'
    GROUP BY order_id, line_number
),

-- A quantity that names no line by its id goes to the lines in turn, as far as they wait for some.
waiting AS (
    SELECT
        b.order_id,
        b.line_number,
        b.sku,
        b.units,
        greatest(0, b.units - least(b.units, coalesce(any_value(c.units), 0)) - CASE
            WHEN bool_or(s.names = 'id' AND s.parts IS NULL) THEN b.units
            ELSE coalesce(sum(s.parts) FILTER (s.names = 'id'), 0)
        END) AS room,
        coalesce(bool_or(s.names = 'sku' AND s.parts IS NULL), false) AS is_whole,
        coalesce(sum(s.parts) FILTER (s.names = 'sku'), 0) AS of_product
    FROM bought AS b
    LEFT JOIN steps AS s ON s.order_id = b.order_id AND s.line_number = b.line_number AND s.type = 'order_delivered'
    LEFT JOIN cancelled AS c ON c.order_id = b.order_id AND c.line_number = b.line_number
    WHERE NOT b.is_negative
    GROUP BY b.order_id, b.line_number, b.sku, b.units
),

in_product AS (
    SELECT *, coalesce(sum(room) OVER (
        PARTITION BY order_id, sku ORDER BY line_number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS before
    FROM waiting
),

still AS (
    SELECT
        *,
        room - CASE WHEN is_whole THEN room ELSE greatest(0, least(room, of_product - before)) END AS rest
    FROM in_product
),

in_order AS (
    SELECT *, coalesce(sum(rest) OVER (
        PARTITION BY order_id ORDER BY line_number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS ahead
    FROM still
),

come AS (
    SELECT
        m.order_id,
        m.line_number,
        m.event,
        coalesce(bool_or(s.parts IS NULL AND s.event IS NOT NULL), false) AS is_all,
        coalesce(sum(s.parts) FILTER (s.names = 'id'), 0) AS by_id,
        coalesce(sum(s.parts) FILTER (s.names = 'sku'), 0) AS by_product,
        coalesce(sum(s.parts) FILTER (s.names = 'order'), 0) AS by_order
    FROM moments AS m
    LEFT JOIN steps AS s
        ON s.order_id = m.order_id AND s.line_number = m.line_number AND s.type = 'order_delivered'
        AND s.event <= m.event
    GROUP BY m.order_id, m.line_number, m.event
)

SELECT o.order_id, o.line_number, min(k.event) AS event
FROM in_order AS o
JOIN come AS k USING (order_id, line_number)
LEFT JOIN given_back AS g USING (order_id, line_number, event)
WHERE
    k.is_all
    OR k.by_id + greatest(0, least(o.room, k.by_product - o.before))
        + greatest(0, least(o.rest, k.by_order - o.ahead))
        + least(o.units, coalesce(g.back, 0)) >= o.units
GROUP BY o.order_id, o.line_number
