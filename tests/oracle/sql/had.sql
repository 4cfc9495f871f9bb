-- What persons bought and had: no line of quantity 0 or of a negative amount, none wholly cancelled.
WITH cancelled AS (
    SELECT order_id, line_number, sum(units) AS units
    FROM taken
    WHERE type = 'order_cancelled'
    GROUP BY ALL
)

SELECT
    b.person_id,
    b.order_id,
    b.line_number,
    b.line_id,
    b.sku,
    b.place,
    {occurred_at: b.occurred_at, stream: 'purchases', event_id: b.event_id} AS placed,
    e.emptied
FROM bought AS b
LEFT JOIN cancelled AS c USING (order_id, line_number)
LEFT JOIN emptied AS e USING (order_id, line_number)
WHERE
    is_person(b.person_id)
    AND NOT b.is_negative
    AND coalesce(b.quantity <> 0, true)
    AND coalesce(c.units, 0) < b.units
