-- purchased (DESIGN 6, suppressions): what was bought is not advertised, by sku, category or brand,
-- for `lasts` or for a share of the product's own replenishment time. What was taken back of the line
-- (see returns.py) by events of the types that the rule names lifts it when no unit is kept, also
-- when that came before. One row a channel of the rule.
WITH bought_under_rules AS (
    SELECT
        l.*,
        l.match AS scope_kind,
        CASE l.match
            WHEN 'sku' THEN l.sku
            WHEN 'category' THEN coalesce(l.category, p.category)
            WHEN 'brand' THEN p.brand
        END AS scope_value,
        l.bought_at + CASE
            WHEN l.lasts_share IS NOT NULL AND p.replenish_days IS NOT NULL
                THEN to_microseconds(
                    CAST(floor(l.lasts_share * p.replenish_days * 86_400_000_000) AS BIGINT)
                )
            ELSE l.lasts
        END AS lapses_at
    FROM under_rules AS l
    LEFT JOIN products AS p USING (sku)
    WHERE l.reason = 'purchased'
),

ended AS (
    SELECT
        b.*,
        u.lift,
        coalesce(u.lift.occurred_at < coalesce(b.lapses_at, 'infinity'), false) AS is_lifted
    FROM bought_under_rules AS b
    LEFT JOIN lifts AS u USING (policy, order_id, line_number)
    WHERE b.scope_value IS NOT NULL
)

SELECT
    person_id,
    policy,
    'purchased' AS reason,
    unnest(each_channel(channels)) AS channel,
    scope_kind,
    scope_value,
    bought_at AS starts_at,
    CASE WHEN is_lifted THEN greatest(bought_at, lift.occurred_at) ELSE lapses_at END AS ends_at,
    CASE WHEN is_lifted THEN named('purchases', lift.event_id) END AS lifted_by,
    evidence,
    'purchases' AS cause_stream,
    cause_id,
    line_number
FROM ended
