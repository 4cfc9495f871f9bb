-- What bounds how often a proposal's like may be said: its limits, those that hold it and those that
-- it counts in. `own`: what of its own never stands in its way, and counts once.
WITH told AS (
    SELECT decision_id, person_id, plan_id, occasion_id, policy, channel, purpose, topic, campaign_id, interrupts,
        again_after, at_most, time_zone
    FROM fates
    UNION ALL BY NAME
    SELECT * FROM handed_over
),

caps_of AS (
    SELECT
        t.decision_id,
        c.name,
        10 + c.place AS place,
        c.cap_limit AS most,
        c.cap_window AS span,
        c.calendar,
        coalesce(c.zone, t.time_zone) AS zone,
        CAST(NULL AS VARCHAR) AS own,
        list_contains(c.exempt_topics, topic_word(t.topic)) AS is_exempt,
        NOT coalesce(is_exempt, false) AS holds,
        coalesce(NOT is_exempt, true) OR c.exempt_counts AS counts
    FROM told AS t
    JOIN caps AS c
        ON
            (len(c.channels) = 0 OR list_contains(c.channels, t.channel))
            AND list_contains(c.purposes, t.purpose)
            AND (len(c.campaigns) = 0 OR coalesce(list_contains(c.campaigns, t.campaign_id), false))
)

SELECT decision_id, 'min-gap' AS name, 1 AS place, 1 AS most, s.min_gap AS span, NULL AS calendar, NULL AS zone,
    plan_id AS own, true AS holds, true AS counts, false AS is_of_asking
FROM told
CROSS JOIN settings AS s
WHERE interrupts
UNION ALL
SELECT decision_id, 'again-after:' || policy, 2, 1, again_after, NULL, NULL, occasion_id, true, true, true
FROM told
WHERE again_after IS NOT NULL
UNION ALL
SELECT decision_id, 'at-most:' || policy, 3, at_most, NULL, NULL, NULL, occasion_id, true, true, true
FROM told
WHERE at_most IS NOT NULL
UNION ALL
SELECT decision_id, name, place, most, span, calendar, zone, own, holds, counts, false
FROM caps_of
