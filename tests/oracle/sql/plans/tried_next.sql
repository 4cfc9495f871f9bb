-- When a place becomes free a proposal that found none may find its hours right: every such moment.
WITH releases AS (
    SELECT
        t.decision_id,
        CASE
            WHEN l.span IS NOT NULL THEN p.taken_at + l.span
            ELSE (
                SELECT min(n.begins_at)
                FROM clock AS c
                JOIN turns AS n
                    ON n.zone = c.zone AND n.calendar = l.calendar AND n.shown_at > date_trunc(l.calendar, c.shown_at)
                WHERE c.zone = l.zone AND c.minute_at = date_trunc('minute', p.taken_at)
            )
        END AS released_at,
        t.moment
    FROM tried AS t
    JOIN fates AS f USING (decision_id)
    JOIN limits AS l ON l.decision_id = t.decision_id AND l.holds
    JOIN places AS p ON p.person_id = f.person_id AND p.name = l.name AND coalesce(p.own <> l.own, true)
    WHERE t.decision_id IN (SELECT decision_id FROM in_the_way)
)

SELECT DISTINCT
    r.decision_id,
    (
        SELECT min(greatest(o.opens_at, r.released_at))
        FROM openings AS o
        WHERE
            o.time_zone = f.time_zone AND o.law IS NOT DISTINCT FROM f.law AND o.keeps_quiet = f.keeps_quiet
            AND o.usual_minute IS NOT DISTINCT FROM f.usual_minute AND o.hours = 'usual'
            AND o.closes_at > r.released_at
    ) AS moment
FROM releases AS r
JOIN fates AS f USING (decision_id)
WHERE r.released_at > r.moment
