-- What speaks against each proposal when it is first said, or now: nowhere to send it to, no consent
-- where silence is none, and each policy of which a suppression holds then and touches it.
WITH own AS (
    SELECT decision_id, 1 AS rank, 'no_address' AS reason, 'no_address' AS policy
    FROM asked
    ANTI JOIN addresses USING (person_id, channel)
    UNION ALL
    SELECT decision_id, 2 AS rank, 'no_consent' AS reason, 'no_consent' AS policy
    FROM asked AS a
    CROSS JOIN settings AS s
    ANTI JOIN answers AS w ON w.person_id = a.person_id AND w.channel = a.channel AND w.purpose = a.purpose
    WHERE s.opt_in AND a.purpose = 'marketing'
),

touching AS (
    SELECT
        a.decision_id,
        100 + r.precedence AS rank,
        r.reason,
        r.policy
    FROM asked AS a
    JOIN suppressions AS r USING (person_id)
    WHERE
        r.starts_at <= a.earliest
        AND coalesce(a.earliest < r.ends_at, true)
        AND (len(r.channels) = 0 OR list_contains(r.channels, a.channel))
        AND (
            a.purpose = 'marketing'
            OR r.reason IN ('no_consent', 'forgotten')
            OR (r.scope_kind = 'purpose' AND list_contains(r.scope_values, 'transactional'))
        )
        -- What is said of something that was bought offers it to nobody.
        AND NOT (
            a.kind IN ('review_request', 'service_call')
            AND r.reason IN ('purchased', 'price_regret', 'declared_preference')
        )
        AND CASE r.scope_kind
            WHEN 'all' THEN true
            WHEN 'purpose' THEN list_contains(r.scope_values, a.purpose)
            WHEN 'sku' THEN list_has_any(r.scope_values, a.skus)
            WHEN 'topic' THEN list_contains(r.scope_values, topic_word(a.topic))
        END
)

SELECT DISTINCT * FROM own
UNION
SELECT DISTINCT * FROM touching
