-- The stretches of such minutes, one row each.
SELECT
    time_zone,
    law,
    keeps_quiet,
    usual_minute,
    hours,
    min(minute_at) AS opens_at,
    max(minute_at) + INTERVAL 1 MINUTE AS closes_at
FROM (
    SELECT
        *,
        minute_at - to_minutes(
            row_number() OVER (PARTITION BY time_zone, law, keeps_quiet, usual_minute, hours ORDER BY minute_at)
        ) AS stretch
    FROM right_minutes
)
GROUP BY time_zone, law, keeps_quiet, usual_minute, hours, stretch
