-- How often each person buys a category or product: days (UTC) of purchase, at most the newest
-- eleven, the median of what lies between, and when the next is due.
WITH days AS (
    SELECT DISTINCT person_id, kind, name, day
    FROM (
        UNPIVOT (
            SELECT person_id, CAST(occurred_at AS DATE) AS day, category, sku
            FROM customer_lines
            WHERE NOT is_cancelled
        )
        ON category, sku
        INTO NAME kind VALUE name
    )
),

newest AS (
    SELECT
        *,
        day - lag(day) OVER (PARTITION BY person_id, kind, name ORDER BY day) AS gap
    FROM (
        FROM days
        QUALIFY row_number() OVER (PARTITION BY person_id, kind, name ORDER BY day DESC) <= 11
    )
),

told AS (
    SELECT
        person_id,
        kind,
        name,
        max(day) AS last_on,
        CAST(count(*) AS INTEGER) AS days_count,
        count(gap) AS n,
        median(gap) AS interval_days,
        CAST(sum(gap) AS BIGINT) AS total,
        sqrt(CAST(count(gap) * sum(gap * gap) - sum(gap) * sum(gap) AS DOUBLE)) / count(gap)
            AS deviation
    FROM newest
    GROUP BY person_id, kind, name
    HAVING count(*) > 1
),

placed AS (
    SELECT
        person_id,
        kind,
        name,
        {
            days_count: days_count,
            interval_days: interval_days,
            deviation_days: round(deviation, 4),
            next_purchase_on: last_on + CAST(floor(interval_days + 0.5) AS INTEGER),
            confidence: round(
                n / (n + 2.0::DOUBLE)
                * ((total::DOUBLE / n) / ((total::DOUBLE / n) + deviation)),
                4
            )
        } AS told,
        row_number() OVER (PARTITION BY person_id, kind ORDER BY last_on DESC, name) AS place
    FROM told
)

SELECT
    person_id,
    map_from_entries(list({key: name, value: told} ORDER BY name) FILTER (kind = 'category'))
        AS category_intervals,
    map_from_entries(list({key: name, value: told} ORDER BY name) FILTER (kind = 'sku'))
        AS product_intervals
FROM placed
WHERE place <= 50
GROUP BY person_id
