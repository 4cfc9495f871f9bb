-- Marketing messages that a rule would have stopped, had everything been known in time: one of its
-- suppressions had begun before the sending and not ended, held for the channel, and touched what
-- the message offers: its purpose, or one of its skus, categories or brands, or as large a share of
-- them as the rule asks for: of a category or brand each product of it that the message offers counts,
-- and where it offers none of it, its name as one. A message is never evidence against itself, however its events are dated.
WITH told AS (
    SELECT * EXCLUDE (skus, categories, topic, offers_discount)
    FROM sendings
    WHERE coalesce(purpose, 'marketing') = 'marketing' AND is_person(person_id)
),

offers AS (
    SELECT message_id, 'purpose' AS scope_kind, 'marketing' AS scope_value
    FROM told
    UNION
    SELECT message_id, 'sku', unnest(skus)
    FROM told JOIN about USING (message_id)
    UNION
    SELECT message_id, 'category', unnest(categories)
    FROM told JOIN about USING (message_id)
    UNION
    SELECT message_id, 'brand', unnest(brands)
    FROM told JOIN about USING (message_id)
    UNION
    SELECT message_id, 'topic', unnest(topics)
    FROM told JOIN about USING (message_id)
),

counted AS (
    SELECT
        o.message_id,
        o.scope_kind,
        o.scope_value,
        greatest(1, (
            SELECT count(DISTINCT p.sku)
            FROM products AS p
            WHERE
                list_contains(a.skus, p.sku)
                AND o.scope_value = CASE o.scope_kind WHEN 'category' THEN p.category WHEN 'brand' THEN p.brand END
        )) AS products
    FROM offers AS o
    JOIN about AS a USING (message_id)
),

offered AS (
    SELECT message_id, scope_kind, sum(products) AS products
    FROM counted
    GROUP BY message_id, scope_kind
),

own AS (
    SELECT message_id, list(named('messages', event_id)) AS names
    FROM messages
    GROUP BY message_id
),

touching AS (
    SELECT t.message_id, s.policy, o.scope_kind, o.scope_value, s.evidence
    FROM told AS t
    JOIN offers AS o USING (message_id)
    JOIN own USING (message_id)
    JOIN about AS a USING (message_id)
    JOIN suppressed AS s USING (person_id, scope_kind, scope_value)
    WHERE
        (s.starts_at, s.cause_stream, s.cause_id) < (t.occurred_at, 'messages', t.event_id)
        AND t.occurred_at < coalesce(s.ends_at, 'infinity')
        AND (s.channel IS NULL OR s.channel = t.channel)
        AND NOT list_has_any(s.evidence, own.names)
        AND (NOT coalesce(s.of_discounts, false) OR a.offers_discount)
        AND (s.of_topics IS NULL OR list_has_any(s.of_topics, a.topics))
        AND len(list_filter(
            coalesce(s.further, []),
            lambda p: p.negated = CASE p.kind
                WHEN 'topic' THEN coalesce(list_has_any(p.values, a.topics), false)
                ELSE coalesce(list_contains(p.values, t.campaign_id), false)
            END
        )) = 0
),

touched AS (
    SELECT message_id, policy, scope_kind, scope_value, flatten(list(evidence)) AS evidence
    FROM touching
    GROUP BY message_id, policy, scope_kind, scope_value
),

enough AS (
    SELECT t.message_id, t.policy, flatten(list(t.evidence)) AS evidence
    FROM touched AS t
    JOIN counted AS c USING (message_id, scope_kind, scope_value)
    JOIN offered AS o USING (message_id, scope_kind)
    LEFT JOIN rules AS r ON r.name = t.policy
    GROUP BY t.message_id, t.policy, t.scope_kind, o.products, r.share
    HAVING sum(c.products) >= coalesce(r.share, 0) * o.products
),

-- What products say of their attributes; category and brand are such, too.
attribute_values AS (
    SELECT sku, 'attribute:' || lower(trim(a.key, ' ')) AS kind, lower(trim(a.value, ' ')) AS value
    FROM (
        SELECT
            sku,
            unnest(
                map_entries(attributes)
                || [{key: 'category', value: category}, {key: 'brand', value: brand}]
            ) AS a
        FROM products
    )
    WHERE trim(a.value, ' ') <> ''
),

answers_held AS (
    SELECT
        person_id, policy, channel, scope_kind, starts_at, ends_at, cause_stream, cause_id, evidence,
        list(scope_value) AS wanted
    FROM suppressed
    WHERE is_negated
    GROUP BY ALL
),

-- A product is touched that has another value of the attribute than was asked for.
touching_attributes AS (
    SELECT
        t.message_id,
        s.policy,
        s.evidence,
        len(a.skus) AS offered,
        (
            SELECT count(DISTINCT v.sku)
            FROM attribute_values AS v
            WHERE
                v.kind = s.scope_kind
                AND list_contains(a.skus, v.sku)
                AND NOT list_contains(s.wanted, v.value)
        ) AS touched
    FROM told AS t
    JOIN about AS a USING (message_id)
    JOIN answers_held AS s USING (person_id)
    WHERE
        (s.starts_at, s.cause_stream, s.cause_id) < (t.occurred_at, 'messages', t.event_id)
        AND t.occurred_at < coalesce(s.ends_at, 'infinity')
        AND (s.channel IS NULL OR s.channel = t.channel)
),

enough_attributes AS (
    SELECT t.message_id, t.policy, flatten(list(t.evidence)) AS evidence
    FROM touching_attributes AS t
    LEFT JOIN rules AS r ON r.name = t.policy
    WHERE t.touched > 0
    GROUP BY t.message_id, t.policy, t.offered, r.share
    HAVING max(t.touched) >= coalesce(r.share, 0) * t.offered
),

spoken_against AS (
    SELECT message_id, policy, list_sort(list_distinct(flatten(list(evidence)))) AS evidence
    FROM (FROM enough UNION ALL FROM enough_attributes)
    GROUP BY message_id, policy
)

SELECT
    message_id,
    a.policy,
    t.person_id,
    t.channel,
    t.campaign_id,
    t.occurred_at AS sent_at,
    t.cost,
    a.evidence
FROM spoken_against AS a
JOIN told AS t USING (message_id)
