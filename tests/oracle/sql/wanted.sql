-- Whom each destination's rule protects now, and what they answered about ads. Null: nobody was asked.
-- Of an audience that is about a campaign, category, brand or product, whom it protects from what ads
-- for that offer: one of the products is enough.
WITH now AS (
    SELECT s.*
    FROM suppressed AS s
    CROSS JOIN settings
    WHERE s.starts_at <= as_of AND (s.ends_at IS NULL OR s.ends_at > as_of)
),

parted AS (
    SELECT d.name, d.audience_by, d.audience_of, c.* EXCLUDE (campaign_id)
    FROM destinations AS d
    LEFT JOIN campaigns AS c ON d.audience_by = 'campaign' AND c.campaign_id = d.audience_of
    WHERE d.audience_of IS NOT NULL
),

goods AS (
    SELECT a.name, p.sku, p.category, p.brand
    FROM parted AS a
    JOIN products AS p
        ON CASE a.audience_by
            WHEN 'sku' THEN p.sku = a.audience_of
            WHEN 'category' THEN p.category = a.audience_of
            WHEN 'brand' THEN p.brand = a.audience_of
            ELSE
                coalesce(list_contains(a.skus, p.sku), false)
                OR coalesce(list_contains(a.categories, p.category), false)
                OR coalesce(list_contains(a.brands, p.brand), false)
        END
),

offers AS (
    SELECT name, 'sku' AS kind, sku AS value FROM goods
    UNION
    SELECT name, 'category', category FROM goods
    UNION
    SELECT name, 'brand', brand FROM goods
    UNION
    SELECT name, 'sku', unnest(skus) FROM parted
    UNION
    SELECT name, 'category', unnest(categories) FROM parted
    UNION
    SELECT name, 'brand', unnest(brands) FROM parted
    UNION
    SELECT name, audience_by, audience_of FROM parted
),

told AS (
    SELECT DISTINCT d.name AS destination, d.is_network, n.person_id
    FROM destinations AS d
    JOIN now AS n
        ON n.policy = d.policy
        AND (d.channel IS NULL OR n.channel IS NULL OR n.channel = d.channel)
        AND (is_person(n.person_id) OR NOT d.is_network)
    LEFT JOIN parted AS a ON a.name = d.name
    WHERE
        d.audience_of IS NULL
        OR (
            CASE
                WHEN n.scope_kind = 'all' THEN true
                WHEN n.scope_kind = 'purpose' THEN n.scope_value = 'marketing'
                WHEN n.scope_kind = 'topic' THEN coalesce(n.scope_value = topic_word(a.topic), false)
                ELSE EXISTS(
                    FROM offers AS o
                    WHERE o.name = d.name AND o.kind = n.scope_kind AND o.value = n.scope_value
                )
            END
            AND (
                NOT coalesce(n.of_discounts, false)
                OR d.audience_by <> 'campaign'
                OR coalesce(a.offers_discount, true)
            )
            AND (n.of_topics IS NULL OR coalesce(list_contains(n.of_topics, topic_word(a.topic)), false))
            AND len(list_filter(
                coalesce(n.further, []),
                lambda p: p.negated = CASE p.kind
                    WHEN 'topic' THEN coalesce(list_contains(p.values, topic_word(a.topic)), false)
                    ELSE coalesce(d.audience_by = 'campaign' AND list_contains(p.values, d.audience_of), false)
                END
            )) = 0
        )
)

SELECT t.destination, t.is_network, t.person_id, a.answer
FROM told AS t
LEFT JOIN answers AS a ON a.person_id = t.person_id
