-- What becomes of each proposal before others are asked, and the first moment that its hours leave.
-- What has been promised a moment that has come is said at once, usual hour or not.
WITH promised AS (
    SELECT a.*, coalesce(
        b.outcome IN ('chosen', 'lost', 'suppressed') AND b.send_at <= s.as_of AND a.proposed_at <= s.as_of, false
    ) AS is_due, b.outcome AS was_outcome, b.reason AS was_reason, b.send_at AS was_send_at,
        b.lost_to AS was_lost_to
    FROM asked AS a
    CROSS JOIN settings AS s
    LEFT JOIN before AS b USING (decision_id)
),

opened AS (
    SELECT
        p.*,
        s.as_of,
        s.look_ahead,
        (
            SELECT min(greatest(o.opens_at, p.earliest))
            FROM openings AS o
            WHERE
                o.time_zone = p.time_zone AND o.law IS NOT DISTINCT FROM p.law AND o.keeps_quiet = p.keeps_quiet
                AND o.usual_minute IS NOT DISTINCT FROM p.usual_minute AND o.hours = 'usual'
                AND o.closes_at > p.earliest
        ) AS by_habit,
        EXISTS (
            FROM openings AS o
            WHERE
                o.time_zone = p.time_zone AND o.law IS NOT DISTINCT FROM p.law AND o.keeps_quiet = p.keeps_quiet
                AND o.hours = 'lawful' AND o.opens_at <= s.as_of AND s.as_of < o.closes_at
        ) AS is_open_now,
        (SELECT first(policy ORDER BY rank, reason, policy) FROM bars AS b WHERE b.decision_id = p.decision_id)
            AS barred_by
    FROM promised AS p
    CROSS JOIN settings AS s
)

SELECT
    *,
    CASE WHEN is_due AND is_open_now THEN as_of ELSE by_habit END AS moment,
    CASE
        WHEN cancelled_by IS NOT NULL THEN 'cancelled'
        WHEN expires_at <= as_of THEN 'over'
        WHEN barred_by IS NOT NULL THEN 'barred'
        WHEN coalesce(moment, proposed_at) > as_of + look_ahead THEN 'waiting'
        ELSE 'held'
    END AS fate
FROM opened
