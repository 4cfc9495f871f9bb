-- What becomes of every proposal.
SELECT
    f.decision_id,
    s.may_speak AND NOT list_contains(s.paused, f.policy) AS speaks,
    CASE
        WHEN f.fate = 'cancelled' OR (f.fate = 'barred' AND f.was_outcome = 'chosen') THEN 'withdrawn'
        WHEN f.fate = 'over' THEN CASE WHEN f.was_outcome IN ('lost', 'suppressed') THEN f.was_outcome ELSE 'lost' END
        WHEN f.fate = 'barred' THEN 'suppressed'
        WHEN f.fate = 'waiting' THEN 'waiting'
        WHEN v.send_at IS NOT NULL THEN 'chosen'
        WHEN len(v.winners) > 0 THEN 'lost'
        ELSE 'suppressed'
    END AS outcome,
    CASE
        WHEN f.fate = 'cancelled' THEN f.cancelled_by
        WHEN f.fate = 'over'
            THEN CASE
                WHEN f.was_outcome = 'chosen' THEN 'late'
                WHEN f.was_outcome IN ('lost', 'suppressed') THEN f.was_reason
                ELSE 'expired'
            END
        WHEN f.fate = 'barred' THEN f.barred_by
        WHEN v.send_at IS NOT NULL AND NOT f.is_shadow AND list_contains(s.paused, f.policy) THEN 'paused'
        ELSE v.bound_by
    END AS reason,
    CASE
        WHEN f.fate = 'over' AND f.was_outcome = 'lost' THEN f.was_lost_to
        ELSE list_sort(coalesce(v.winners, []))
    END AS lost_to,
    CASE
        WHEN f.fate = 'waiting' THEN f.moment
        WHEN v.send_at <= f.as_of AND NOT speaks AND f.was_outcome = 'chosen' THEN f.was_send_at
        ELSE coalesce(v.send_at, v.next_at)
    END AS send_at,
    coalesce(v.send_at <= f.as_of AND NOT f.is_shadow AND speaks, false) AND NOT EXISTS (
        -- The step before it waits for a place still.
        FROM fates AS e
        JOIN verdicts AS w USING (decision_id)
        WHERE
            e.person_id = f.person_id AND e.occasion_id = f.occasion_id AND e.step < f.step
            AND e.interrupts AND f.interrupts AND w.send_at IS NULL AND w.next_at IS NOT NULL
            AND NOT e.is_shadow AND NOT list_contains(s.paused, e.policy)
    ) AS is_said
FROM fates AS f
CROSS JOIN settings AS s
LEFT JOIN verdicts AS v USING (decision_id)
