-- How much of each cap is used: the counted messages in the open window (as_of − W, as_of] or in the
-- calendar's own, exact up to the limit. The next is allowed one window after the limit-th newest, or
-- with the next day, week or month. The calendar's zone is that of the newest message.
WITH newest AS (
    SELECT *
    FROM counted
    QUALIFY row_number() OVER (PARTITION BY person_id, cap ORDER BY place DESC) = 1
),

bounds AS (
    SELECT
        n.person_id,
        n.cap,
        c.cap_limit,
        c.cap_window,
        s.as_of,
        coalesce(w.starts_at, s.as_of - c.cap_window) AS window_starts_at,
        w.ends_at AS window_ends_at
    FROM newest AS n
    JOIN caps AS c ON c.name = n.cap
    CROSS JOIN settings AS s
    LEFT JOIN windows AS w
        ON (w.calendar, w.week_starts, w.time_zone, w.moment)
        = (n.calendar, n.week_starts, n.time_zone, s.as_of)
)

SELECT
    person_id,
    cap,
    CAST(least(count(*), cap_limit) AS INTEGER) AS counted,
    cap_limit,
    window_starts_at,
    CASE
        WHEN cap_window IS NOT NULL
            THEN list(m.occurred_at ORDER BY m.occurred_at DESC)[cap_limit] + cap_window
        WHEN count(*) >= cap_limit THEN window_ends_at
    END AS next_allowed_at,
    as_of
FROM bounds AS b
JOIN counted AS m USING (person_id, cap)
WHERE
    m.occurred_at > window_starts_at
    OR (m.calendar IS NOT NULL AND m.occurred_at = window_starts_at)
GROUP BY person_id, cap, cap_limit, cap_window, window_starts_at, window_ends_at, as_of
