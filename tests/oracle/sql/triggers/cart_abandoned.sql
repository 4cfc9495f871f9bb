-- cart_abandoned: a cart is filled as long as less than `after`, at least half an hour, passes between
-- two additions and no order lies between them; its last addition is the cause. It is about what was
-- not removed again; where all was, the removal that emptied it ends it.
WITH added AS (
    SELECT
        t.name AS policy,
        greatest(t.first_wait, INTERVAL 30 MINUTE) AS gap,
        h.*,
        (
            SELECT max(e.ref)
            FROM happened AS e
            WHERE e.person_id = h.person_id AND e.type = 'add_to_cart' AND e.ref < h.ref
        ) AS prev
    FROM happened AS h
    CROSS JOIN triggers AS t
    WHERE h.type = 'add_to_cart' AND t.kind = 'cart_abandoned'
),

beginnings AS (
    SELECT
        *,
        coalesce(
            occurred_at >= prev.occurred_at + gap
            OR EXISTS (
                FROM happened AS o
                WHERE o.person_id = a.person_id AND o.type = 'order_placed' AND o.ref > a.prev AND o.ref < a.ref
            ),
            true
        ) AS begins
    FROM added AS a
),

carts AS (
    SELECT
        a.policy,
        a.person_id,
        a.ref AS starts,
        (
            SELECT min(n.ref)
            FROM beginnings AS n
            WHERE n.person_id = a.person_id AND n.policy = a.policy AND n.begins AND n.ref > a.ref
        ) AS next_starts,
        (
            SELECT min(o.ref)
            FROM happened AS o
            WHERE o.person_id = a.person_id AND o.type = 'order_placed' AND o.ref > a.ref
        ) AS ordered
    FROM beginnings AS a
    WHERE begins
),

inside AS (
    SELECT c.policy, c.person_id, c.starts, h.type, h.sku, h.ref
    FROM carts AS c
    JOIN happened AS h USING (person_id)
    WHERE
        h.type IN ('add_to_cart', 'remove_from_cart')
        AND h.ref >= c.starts
        AND coalesce(h.ref < c.next_starts, true)
        AND coalesce(h.ref < c.ordered, true)
),

things AS (
    SELECT
        policy,
        person_id,
        starts,
        sku,
        max(ref) FILTER (type = 'add_to_cart') AS added,
        (
            SELECT min(r.ref)
            FROM inside AS r
            WHERE
                r.policy = i.policy AND r.person_id = i.person_id AND r.starts = i.starts
                AND r.sku IS NOT DISTINCT FROM i.sku
                AND r.type = 'remove_from_cart'
                AND r.ref > max(i.ref) FILTER (i.type = 'add_to_cart')
        ) AS removed
    FROM inside AS i
    GROUP BY policy, person_id, starts, sku
    HAVING added IS NOT NULL
)

SELECT
    person_id,
    policy,
    max(added) AS cause,
    CASE
        WHEN bool_or(removed IS NULL) THEN list(sku) FILTER (removed IS NULL AND sku IS NOT NULL)
        ELSE list(sku) FILTER (sku IS NOT NULL)
    END AS skus,
    CASE WHEN NOT bool_or(removed IS NULL) THEN max(removed) END AS ended_by,
    list(named(added.stream, added.event_id)) AS further
FROM things
GROUP BY policy, person_id, starts
