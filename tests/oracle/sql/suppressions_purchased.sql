-- purchased (DESIGN 6, suppressions): what was bought is not advertised, by sku, category or brand,
-- for `lasts` or for a share of the product's own replenishment time; the first cancellation,
-- return or refund of the line lifts it, also one that came before. One row a channel of the rule.
WITH bought AS (
    SELECT
        l.*,
        r.name AS policy,
        r.match AS scope_kind,
        CASE r.match
            WHEN 'sku' THEN l.sku
            WHEN 'category' THEN coalesce(l.category, p.category)
            WHEN 'brand' THEN p.brand
        END AS scope_value,
        l.occurred_at + CASE
            WHEN r.lasts_share IS NOT NULL AND p.replenish_days IS NOT NULL
                THEN to_microseconds(
                    CAST(floor(r.lasts_share * p.replenish_days * 86_400_000_000) AS BIGINT)
                )
            ELSE r.lasts
        END AS lapses_at,
        r.lifted_by AS lifting,
        r.channels
    FROM lines AS l
    CROSS JOIN rules AS r
    LEFT JOIN products AS p USING (sku)
    WHERE l.type = 'order_placed' AND is_person(l.person_id) AND r.reason = 'purchased'
),

undone AS (
    SELECT
        b.policy,
        b.event_id,
        b.line_number,
        min({occurred_at: undo.occurred_at, event_id: undo.event_id}) AS lift
    FROM bought AS b
    JOIN lines AS undo USING (order_id)
    WHERE
        list_contains(b.lifting, undo.type)
        AND acts_on(undo.line_id, undo.sku, b.line_id, b.sku)
    GROUP BY b.policy, b.event_id, b.line_number
),

ended AS (
    SELECT
        b.*,
        u.lift,
        coalesce(u.lift.occurred_at < coalesce(b.lapses_at, 'infinity'), false) AS is_lifted
    FROM bought AS b
    LEFT JOIN undone AS u USING (policy, event_id, line_number)
    WHERE b.scope_value IS NOT NULL
)

SELECT
    person_id,
    policy,
    'purchased' AS reason,
    unnest(each_channel(channels)) AS channel,
    scope_kind,
    scope_value,
    occurred_at AS starts_at,
    CASE WHEN is_lifted THEN greatest(occurred_at, lift.occurred_at) ELSE lapses_at END AS ends_at,
    CASE WHEN is_lifted THEN named('purchases', lift.event_id) END AS lifted_by,
    [named('purchases', event_id)] AS evidence,
    'purchases' AS cause_stream,
    event_id AS cause_id,
    line_number
FROM ended
