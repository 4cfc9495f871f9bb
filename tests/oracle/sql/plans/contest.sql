-- In which order each person's proposals take their places: the higher priority first, then what is
-- expected to bring more, then what was proposed earlier.
SELECT
    decision_id,
    person_id,
    moment,
    expires_at,
    moment IS NOT NULL AND coalesce(moment < expires_at, true) AS has_hour,
    row_number() OVER (
        PARTITION BY person_id
        ORDER BY priority DESC, coalesce(score, 0) DESC, proposed_at, plan_id, channel
    ) AS turn
FROM fates
WHERE fate = 'held'
