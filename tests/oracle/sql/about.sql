-- What each message is about (DESIGN 6): what it says itself, else its content, else its campaign, of
-- three matters each: products (skus, categories, brands), topic, discount. All locales of a content
-- tell together. Categories and brands are its products', too.
WITH told AS (
    SELECT message_id, 1 AS place, topic, skus, categories, CAST([] AS VARCHAR[]) AS brands,
        offers_discount
    FROM sendings
    UNION ALL
    SELECT s.message_id, 2, c.topic, c.skus, c.categories, c.brands, c.offers_discount
    FROM sendings AS s
    JOIN contents AS c USING (content_id)
    UNION ALL
    SELECT s.message_id, 3, c.topic, c.skus, c.categories, c.brands, c.offers_discount
    FROM sendings AS s
    JOIN campaigns AS c USING (campaign_id)
),

sources AS (
    SELECT
        message_id,
        place,
        list_distinct(flatten(list(coalesce(skus, [])))) AS skus,
        list_distinct(flatten(list(coalesce(categories, [])))) AS categories,
        list_distinct(flatten(list(coalesce(brands, [])))) AS brands,
        list(DISTINCT topic_word(topic)) FILTER (topic IS NOT NULL) AS topics,
        bool_or(offers_discount) AS offers_discount
    FROM told
    GROUP BY message_id, place
),

nearest AS (
    SELECT
        message_id,
        arg_min(
            {skus: skus, categories: categories, brands: brands}, place
        ) FILTER (len(skus) + len(categories) + len(brands) > 0) AS offer,
        arg_min(topics, place) FILTER (topics IS NOT NULL) AS topics,
        arg_min(offers_discount, place) FILTER (offers_discount IS NOT NULL) AS offers_discount
    FROM sources
    GROUP BY message_id
)

SELECT
    message_id,
    coalesce(offer.skus, []) AS skus,
    list_distinct(
        coalesce(offer.categories, [])
        || coalesce(
            (SELECT list(category) FROM products WHERE list_contains(offer.skus, sku) AND category IS NOT NULL), []
        )
    ) AS categories,
    list_distinct(
        coalesce(offer.brands, [])
        || coalesce(
            (SELECT list(brand) FROM products WHERE list_contains(offer.skus, sku) AND brand IS NOT NULL), []
        )
    ) AS brands,
    coalesce(topics, []) AS topics,
    coalesce(offers_discount, false) AS offers_discount
FROM nearest
