-- review_request: what one event delivered the last of, line by line, and of stores what was ordered:
-- not what the person reviewed or gave back wholly before; what is over later is left out, unless all is.
WITH there AS (
    SELECT
        *,
        coalesce(lower(trim(place, ' ')) = 'store', false) AS is_in_store,
        (
            SELECT max({occurred_at: s.event.occurred_at, stream: 'purchases', event_id: s.event.event_id})
            FROM steps AS s
            JOIN arrived AS a USING (order_id, line_number)
            WHERE
                s.type = 'order_delivered'
                AND s.order_id = h.order_id
                AND s.line_number = h.line_number
                AND s.event <= a.event
        ) AS delivered,
        (
            SELECT min(r.ref)
            FROM happened AS r
            WHERE r.person_id = h.person_id AND r.type = 'review_submitted' AND r.sku = h.sku
        ) AS reviewed
    FROM had AS h
    WHERE sku IS NOT NULL
),

parts AS (
    SELECT
        *,
        CASE WHEN is_in_store THEN placed ELSE greatest(delivered, placed) END AS cause,
        list_min(list_filter([reviewed, emptied], lambda one: one IS NOT NULL)) AS over_by
    FROM there
    WHERE is_in_store OR delivered IS NOT NULL
)

SELECT
    person_id,
    t.name AS policy,
    cause,
    CASE
        WHEN bool_or(over_by IS NULL) THEN list(sku) FILTER (over_by IS NULL) ELSE list(sku)
    END AS skus,
    CASE WHEN NOT bool_or(over_by IS NULL) THEN max(over_by) END AS ended_by,
    list(named(placed.stream, placed.event_id)) AS further
FROM parts AS p
CROSS JOIN triggers AS t
WHERE
    t.kind = 'review_request'
    AND coalesce(over_by > cause, true)
    AND cause.occurred_at - placed.occurred_at <= coalesce(span(t.options ->> 'delivered_within'), INTERVAL 180 DAY)
    AND (coalesce(t.options ->> 'of_stores', 'true') = 'true' OR NOT is_in_store)
GROUP BY person_id, policy, cause
