-- How much of each cap is used: the counted messages in the open window (as_of − W, as_of], exact
-- up to the limit. The next is allowed one window after the limit-th newest.
SELECT
    m.person_id,
    m.cap,
    CAST(least(count(*), c.cap_limit) AS INTEGER) AS counted,
    c.cap_limit,
    s.as_of - c.cap_window AS window_starts_at,
    list(m.occurred_at ORDER BY m.occurred_at DESC)[c.cap_limit] + c.cap_window AS next_allowed_at,
    s.as_of
FROM counted AS m
JOIN caps AS c ON c.name = m.cap
CROSS JOIN settings AS s
WHERE m.occurred_at > s.as_of - c.cap_window
GROUP BY m.person_id, m.cap, c.cap_limit, c.cap_window, s.as_of
