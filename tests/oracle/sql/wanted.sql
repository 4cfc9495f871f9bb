-- Whom each destination's rule protects now, and what they answered about ads: the newest word on
-- marketing by ads or by every channel counts, at the same moment a withdrawal; a withdrawal that
-- still holds always does, and so does unsubscribing from ads or from all. Null: nobody was asked.
WITH now AS (
    SELECT s.*
    FROM suppressed AS s
    CROSS JOIN settings
    WHERE s.starts_at <= as_of AND (s.ends_at IS NULL OR s.ends_at > as_of)
),

answers AS (
    SELECT person_id, (max({said_at: occurred_at, no: type = 'consent_withdrawn'})).no AS is_no
    FROM consents
    WHERE purpose = 'marketing' AND coalesce(channel, 'ad') = 'ad'
    GROUP BY person_id
    UNION ALL
    SELECT DISTINCT person_id, true
    FROM now
    WHERE is_no_to_ads AND scope_value = 'marketing' AND coalesce(channel, 'ad') = 'ad'
),

answered AS (
    SELECT person_id, CASE WHEN bool_or(is_no) THEN 'withdrawn' ELSE 'granted' END AS answer
    FROM answers
    GROUP BY person_id
)

SELECT DISTINCT d.name AS destination, d.is_network, n.person_id, a.answer
FROM destinations AS d
JOIN now AS n
    ON n.policy = d.policy
    AND (d.channel IS NULL OR n.channel IS NULL OR n.channel = d.channel)
    AND (is_person(n.person_id) OR NOT d.is_network)
LEFT JOIN answered AS a ON a.person_id = n.person_id
