-- replenishment: the last order of each day on which a product was bought and kept, due after the
-- median of the newest ten intervals up to it (days within `looks_back`, `own_from` of them at least),
-- else after the product's replenish_days; ended by the next purchase of it.
WITH bought_on AS (
    SELECT
        person_id,
        sku,
        CAST(placed.occurred_at AS DATE) AS day,
        max(placed) AS cause,
        min(placed) AS first_placed
    FROM had
    WHERE sku IS NOT NULL AND emptied IS NULL
    GROUP BY ALL
),

known AS (
    SELECT
        b.*,
        t.name AS policy,
        coalesce(CAST(t.options ->> 'own_from' AS INTEGER), 3) AS own_from,
        coalesce(span(t.options ->> 'before'), INTERVAL 0 SECOND) AS before,
        (
            SELECT min(n.first_placed)
            FROM bought_on AS n
            WHERE n.person_id = b.person_id AND n.sku = b.sku AND n.day > b.day
        ) AS next_placed,
        list_sort(
            (
                SELECT list(e.day ORDER BY e.day DESC)
                FROM bought_on AS e
                WHERE
                    e.person_id = b.person_id
                    AND e.sku = b.sku
                    AND e.day <= b.day
                    AND e.cause.occurred_at >= b.cause.occurred_at - coalesce(span(t.options ->> 'looks_back'), INTERVAL 730 DAY)
            )[1:11]
        ) AS days
    FROM bought_on AS b
    CROSS JOIN triggers AS t
    WHERE t.kind = 'replenishment'
),

lasting AS (
    SELECT
        k.*,
        CASE
            WHEN len(days) >= own_from THEN
                86_400_000_000 * CAST(
                    floor(
                        list_median(list_transform(range(2, len(days) + 1), lambda i: days[i] - days[i - 1])) + 0.5
                    ) AS BIGINT
                )
            ELSE CAST(floor(p.replenish_days * 86_400_000_000.0::DOUBLE) AS BIGINT)
        END AS lasts
    FROM known AS k
    LEFT JOIN products AS p USING (sku)
)

SELECT
    person_id,
    policy,
    cause,
    sku AS about,
    [sku] AS skus,
    greatest(cause.occurred_at, cause.occurred_at + to_microseconds(lasts) - before) AS counts_from_at,
    next_placed AS ended_by
FROM lasting
WHERE lasts IS NOT NULL
