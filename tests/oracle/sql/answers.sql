-- What everybody answered about ads: the newest word on marketing by ads or by every channel counts, at
-- the same moment a withdrawal; a withdrawal that still holds always does, and so does unsubscribing
-- from ads or from all. Who is missing was never asked.
WITH answers AS (
    SELECT person_id, (max({said_at: occurred_at, no: type = 'consent_withdrawn'})).no AS is_no
    FROM consents
    WHERE purpose = 'marketing' AND coalesce(channel, 'ad') = 'ad'
    GROUP BY person_id
    UNION ALL
    SELECT DISTINCT s.person_id, true
    FROM suppressed AS s
    CROSS JOIN settings
    WHERE
        s.starts_at <= as_of
        AND (s.ends_at IS NULL OR s.ends_at > as_of)
        AND s.is_no_to_ads
        AND s.scope_value = 'marketing'
        AND coalesce(s.channel, 'ad') = 'ad'
)

SELECT person_id, CASE WHEN bool_or(is_no) THEN 'withdrawn' ELSE 'granted' END AS answer
FROM answers
GROUP BY person_id
