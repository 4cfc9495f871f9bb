-- Each proposal with the hours that have a say in when it may be said: those of the law where texts
-- and calls are marketing, the business's own on channels that interrupt, and, `lead` before it, the
-- hour at which its person is used to answer.
SELECT
    p.* EXCLUDE (usual_hour),
    list_contains(s.interrupting, p.channel) AS interrupts,
    CASE WHEN p.purpose = 'marketing' AND p.channel IN ('sms', 'call') THEN p.channel || ' ' || p.country END
        AS law,
    interrupts AND s.quiet_begins IS NOT NULL AS keeps_quiet,
    CASE
        WHEN interrupts THEN (60 * coalesce(p.usual_hour, s.default_hour) - p.lead_minutes + 1440) % 1440
    END AS usual_minute,
    greatest(p.proposed_at, s.as_of) AS earliest
FROM proposals AS p
CROSS JOIN settings AS s
