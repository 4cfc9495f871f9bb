-- Whom each destination's rule protects now, and what they answered about ads. Null: nobody was asked.
WITH now AS (
    SELECT s.*
    FROM suppressed AS s
    CROSS JOIN settings
    WHERE s.starts_at <= as_of AND (s.ends_at IS NULL OR s.ends_at > as_of)
)

SELECT DISTINCT d.name AS destination, d.is_network, n.person_id, a.answer
FROM destinations AS d
JOIN now AS n
    ON n.policy = d.policy
    AND (d.channel IS NULL OR n.channel IS NULL OR n.channel = d.channel)
    AND (is_person(n.person_id) OR NOT d.is_network)
LEFT JOIN answers AS a ON a.person_id = n.person_id
