-- complement: what goes with the products of an order and was not bought by then; over once it is
-- bought, or nothing is kept of all that it goes with.
WITH goes_with AS (
    SELECT DISTINCT sku, unnest(complements) AS other FROM products
),

pairs AS (
    SELECT
        h.person_id,
        h.placed AS cause,
        g.other,
        bool_or(h.emptied IS NULL) AS is_kept,
        max(h.emptied) AS emptied,
        (SELECT min(o.placed) FROM had AS o WHERE o.person_id = h.person_id AND o.sku = g.other) AS owned
    FROM had AS h
    JOIN goes_with AS g USING (sku)
    GROUP BY h.person_id, h.placed, g.other
),

parts AS (
    SELECT
        *,
        list_min(
            list_filter(
                [owned, CASE WHEN NOT is_kept THEN greatest(emptied, cause) END], lambda one: one IS NOT NULL
            )
        ) AS over_by
    FROM pairs
    WHERE coalesce(owned > cause, true)
)

SELECT
    person_id,
    t.name AS policy,
    cause,
    CASE
        WHEN bool_or(over_by IS NULL) THEN list(other) FILTER (over_by IS NULL) ELSE list(other)
    END AS skus,
    CASE WHEN NOT bool_or(over_by IS NULL) THEN max(over_by) END AS ended_by
FROM parts
CROSS JOIN triggers AS t
WHERE t.kind = 'complement'
GROUP BY person_id, policy, cause
