-- The minutes of the week that each law and the business leave.
SELECT
    k.law,
    k.keeps_quiet,
    d.weekday,
    m.minute_of_day
FROM (SELECT DISTINCT law, keeps_quiet FROM asked) AS k
CROSS JOIN (SELECT unnest(range(1, 8)) AS weekday) AS d
CROSS JOIN (SELECT CAST(unnest(range(1440)) AS INTEGER) AS minute_of_day) AS m
CROSS JOIN settings AS s
WHERE
    (
        k.law IS NULL
        OR EXISTS (
            FROM laws AS l
            WHERE
                l.law = k.law
                AND l.weekday = d.weekday
                AND m.minute_of_day >= l.begins
                AND m.minute_of_day < l.ends
        )
    )
    AND NOT (
        k.keeps_quiet
        AND CASE
            WHEN s.quiet_begins < s.quiet_ends
                THEN m.minute_of_day >= s.quiet_begins AND m.minute_of_day < s.quiet_ends
            ELSE m.minute_of_day >= s.quiet_begins OR m.minute_of_day < s.quiet_ends
        END
    )
