-- What each person buys in most orders, and where: the first twenty of each, by orders, then name.
WITH told AS (
    SELECT DISTINCT person_id, order_id, kind, name
    FROM (
        UNPIVOT (
            SELECT person_id, order_id, category, brand, store_id, place
            FROM customer_lines
            WHERE NOT is_cancelled
        )
        ON category, brand, store_id, place
        INTO NAME kind VALUE name
    )
),

placed AS (
    SELECT
        person_id,
        kind,
        name,
        row_number() OVER (PARTITION BY person_id, kind ORDER BY count(*) DESC, name) AS place
    FROM told
    GROUP BY person_id, kind, name
),

named AS (
    SELECT
        person_id,
        list(name ORDER BY place) FILTER (kind = 'category') AS categories,
        list(name ORDER BY place) FILTER (kind = 'brand') AS brands,
        list(name ORDER BY place) FILTER (kind = 'store_id') AS stores,
        list(name ORDER BY place) FILTER (kind = 'place') AS places
    FROM placed
    WHERE place <= 20
    GROUP BY person_id
),

-- By lines; where several bands have the most, the middle.
banded AS (
    SELECT person_id, CASE WHEN count(*) = 1 THEN any_value(band) ELSE 'middle' END AS value_band
    FROM (
        SELECT person_id, band
        FROM customer_lines
        WHERE NOT is_cancelled AND band IS NOT NULL
        GROUP BY person_id, band
        QUALIFY rank() OVER (PARTITION BY person_id ORDER BY count(*) DESC) = 1
    )
    GROUP BY person_id
),

branded AS (
    SELECT
        person_id, category, occurred_at, brand,
        row_number() OVER (
            PARTITION BY person_id, category ORDER BY occurred_at DESC, brand DESC
        ) AS place
    FROM customer_lines
    WHERE NOT is_cancelled AND brand IS NOT NULL AND category IS NOT NULL
),

-- Of the category of the newest purchase: its brand against that of the moment before.
switched AS (
    SELECT
        b.person_id,
        b.brand <> (
            SELECT arg_max(e.brand, {moment: e.occurred_at, brand: e.brand})
            FROM branded AS e
            WHERE e.person_id = b.person_id
                AND e.category = b.category
                AND e.occurred_at < b.occurred_at
        ) AS switched_brand
    FROM branded AS b
    WHERE b.place = 1
    QUALIFY row_number() OVER (
        PARTITION BY b.person_id ORDER BY b.occurred_at DESC, b.category DESC
    ) = 1
)

FROM (SELECT DISTINCT person_id FROM customer_lines)
LEFT JOIN named USING (person_id)
LEFT JOIN banded USING (person_id)
LEFT JOIN switched USING (person_id)
