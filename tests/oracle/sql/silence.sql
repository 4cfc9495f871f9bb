-- Of everybody whether silence is no consent to ads where they live; who is nowhere is asked by the
-- strictest of all laws.
SELECT
    o.person_id,
    CASE
        WHEN j.jurisdiction IS NULL THEN s.opt_in OR coalesce((SELECT bool_or(opt_in) FROM laws), false)
        ELSE coalesce(l.opt_in, s.opt_in)
    END AS is_no
FROM (
    SELECT person_id FROM wanted UNION SELECT person_id FROM jurisdictions
) AS o
CROSS JOIN settings AS s
LEFT JOIN jurisdictions AS j USING (person_id)
LEFT JOIN laws AS l ON l.country = j.jurisdiction
