-- For each moment that is tried the places because of which a limit has none left then. A window
-- (end - span, end] that holds the moment ends at it or at a later place; none may be full already.
WITH near AS (
    SELECT t.decision_id, t.moment, l.name, l.place, l.most, l.span, l.calendar, l.zone, p.taken_at,
        p.decision_id AS winner, coalesce(p.own, format('{}', p.rowid)) AS who
    FROM tried AS t
    JOIN fates AS f USING (decision_id)
    JOIN limits AS l ON l.decision_id = t.decision_id AND l.holds
    JOIN places AS p ON p.person_id = f.person_id AND p.name = l.name AND coalesce(p.own <> l.own, true)
),

rolling AS (SELECT * FROM near WHERE span IS NOT NULL),

windows AS (
    SELECT DISTINCT decision_id, moment, name, moment AS ends_at FROM rolling
    UNION
    SELECT decision_id, moment, name, taken_at FROM rolling WHERE taken_at > moment AND taken_at - span < moment
),

within AS (
    SELECT r.*, w.ends_at
    FROM rolling AS r
    JOIN windows AS w USING (decision_id, moment, name)
    WHERE r.taken_at > w.ends_at - r.span AND r.taken_at <= w.ends_at
    UNION ALL BY NAME
    -- A calendar's window is told by what the clock shows at both moments.
    SELECT n.*, CAST(NULL AS TIMESTAMP) AS ends_at
    FROM near AS n
    JOIN clock AS a ON a.zone = n.zone AND a.minute_at = date_trunc('minute', n.moment)
    JOIN clock AS b ON b.zone = n.zone AND b.minute_at = date_trunc('minute', n.taken_at)
    WHERE n.calendar IS NOT NULL AND date_trunc(n.calendar, a.shown_at) = date_trunc(n.calendar, b.shown_at)
    UNION ALL BY NAME
    SELECT *, CAST(NULL AS TIMESTAMP) AS ends_at FROM near WHERE span IS NULL AND calendar IS NULL
),

full_ones AS (
    SELECT decision_id, moment, name, ends_at
    FROM within
    GROUP BY decision_id, moment, name, ends_at, most
    HAVING count(DISTINCT who) >= most
),

those AS (
    SELECT DISTINCT w.* EXCLUDE (ends_at)
    FROM within AS w
    JOIN full_ones AS f
        ON
            f.decision_id = w.decision_id
            AND f.moment = w.moment
            AND f.name = w.name
            AND f.ends_at IS NOT DISTINCT FROM w.ends_at
),

next_turns AS (
    SELECT t.decision_id, t.moment, t.name, min(n.begins_at) AS begins_at
    FROM (SELECT DISTINCT decision_id, moment, name, calendar, zone FROM those WHERE calendar IS NOT NULL) AS t
    JOIN clock AS c ON c.zone = t.zone AND c.minute_at = date_trunc('minute', t.moment)
    JOIN turns AS n
        ON n.zone = t.zone AND n.calendar = t.calendar AND n.shown_at > date_trunc(t.calendar, c.shown_at)
    GROUP BY t.decision_id, t.moment, t.name
)

-- A limit of n holds until the n-th newest of what is in the way leaves its window, or the next begins.
SELECT
    t.decision_id,
    t.moment,
    t.name,
    t.place,
    list_distinct(list(t.winner)) AS winners,
    list_reverse_sort(list(coalesce(t.taken_at + t.span, n.begins_at, CAST('infinity' AS TIMESTAMP))))[t.most]
        AS free_at
FROM those AS t
LEFT JOIN next_turns AS n USING (decision_id, moment, name)
GROUP BY t.decision_id, t.moment, t.name, t.place, t.most
