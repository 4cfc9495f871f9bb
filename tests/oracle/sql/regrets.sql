-- Marketing messages that a rule would have stopped, had everything been known in time: one of its
-- suppressions had begun before the sending and not ended, held for the channel, and touched what
-- the message offers: its purpose, or one of its skus, categories or brands, or as large a share of
-- them as the rule asks for. A message is never evidence against itself, however its events are dated.
WITH told AS (
    SELECT *
    FROM sendings
    WHERE coalesce(purpose, 'marketing') = 'marketing' AND is_person(person_id)
),

skus AS (
    SELECT message_id, unnest(skus) AS sku
    FROM told
),

offers AS (
    SELECT message_id, 'purpose' AS scope_kind, 'marketing' AS scope_value
    FROM told
    UNION
    SELECT message_id, 'sku', sku
    FROM skus
    UNION
    SELECT message_id, 'category', unnest(categories)
    FROM told
    UNION
    SELECT message_id, 'category', category
    FROM skus
    JOIN products USING (sku)
    UNION
    SELECT message_id, 'brand', brand
    FROM skus
    JOIN products USING (sku)
),

offered AS (
    SELECT message_id, scope_kind, count(scope_value) AS values
    FROM offers
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
    JOIN suppressed AS s USING (person_id, scope_kind, scope_value)
    WHERE
        (s.starts_at, s.cause_stream, s.cause_id) < (t.occurred_at, 'messages', t.event_id)
        AND t.occurred_at < coalesce(s.ends_at, 'infinity')
        AND (s.channel IS NULL OR s.channel = t.channel)
        AND NOT list_has_any(s.evidence, own.names)
        AND len(list_filter(
            coalesce(s.further, []),
            lambda p: p.negated = CASE p.kind
                WHEN 'topic' THEN names_topic(p.values, t.topic)
                ELSE coalesce(list_contains(p.values, t.campaign_id), false)
            END
        )) = 0
),

enough AS (
    SELECT t.message_id, t.policy, flatten(list(t.evidence)) AS evidence
    FROM touching AS t
    JOIN offered AS o USING (message_id, scope_kind)
    LEFT JOIN rules AS r ON r.name = t.policy
    GROUP BY t.message_id, t.policy, t.scope_kind, o.values, r.share
    HAVING count(DISTINCT t.scope_value) >= coalesce(r.share, 0) * o.values
),

spoken_against AS (
    SELECT message_id, policy, list_sort(list_distinct(flatten(list(evidence)))) AS evidence
    FROM enough
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
