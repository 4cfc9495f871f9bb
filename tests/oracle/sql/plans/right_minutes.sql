-- Every minute at which something may be said: what the clock shows then is lawful and, unless the
-- usual hour lies in quiet hours on every day of the week, it is the usual minute.
WITH kinds AS (
    SELECT DISTINCT
        time_zone,
        law,
        keeps_quiet,
        CASE
            WHEN EXISTS (
                FROM lawful AS l
                WHERE
                    l.law IS NOT DISTINCT FROM a.law
                    AND l.keeps_quiet = a.keeps_quiet
                    AND l.minute_of_day = a.usual_minute
            ) THEN usual_minute
        END AS only_minute,
        usual_minute
    FROM asked AS a
),

all_kinds AS (
    SELECT *, 'usual' AS hours FROM kinds
    UNION ALL
    SELECT DISTINCT ON (time_zone, law, keeps_quiet)
        * REPLACE (CAST(NULL AS INTEGER) AS only_minute, CAST(NULL AS INTEGER) AS usual_minute), 'lawful' AS hours
    FROM kinds
)

SELECT
    b.time_zone,
    b.law,
    b.keeps_quiet,
    b.usual_minute,
    b.hours,
    c.minute_at
FROM all_kinds AS b
JOIN clock AS c ON c.zone = b.time_zone
JOIN lawful AS l
    ON
        l.law IS NOT DISTINCT FROM b.law
        AND l.keeps_quiet = b.keeps_quiet
        AND l.weekday = c.weekday
        AND l.minute_of_day = c.minute_of_day
CROSS JOIN settings AS s
WHERE coalesce(c.minute_of_day = b.only_minute, true) AND c.minute_at > s.as_of - INTERVAL 1 MINUTE
