-- What is told of each bought line on its way, by its id, else by its product, else for the whole order.
SELECT
    b.order_id,
    b.line_number,
    b.sku,
    b.units,
    e.type,
    {occurred_at: e.occurred_at, event_id: e.event_id} AS event,
    CASE WHEN e.line_id IS NOT NULL THEN 'id' WHEN e.sku IS NOT NULL THEN 'sku' ELSE 'order' END AS names,
    CAST(10000 * abs(e.quantity) AS HUGEINT) AS parts
FROM bought AS b
JOIN lines AS e USING (order_id)
WHERE
    e.type IN ('order_delivered', 'order_shipped')
    AND NOT b.is_negative
    AND CASE
        WHEN e.line_id IS NOT NULL THEN e.line_id = b.line_id
        WHEN e.sku IS NOT NULL THEN e.sku = b.sku
        ELSE true
    END
