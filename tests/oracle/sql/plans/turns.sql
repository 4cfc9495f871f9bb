-- When each day, week and month begins in each zone: the first minute at which its clock shows it.
SELECT
    zone,
    calendar,
    date_trunc(calendar, c.shown_at) AS shown_at,
    min(minute_at) AS begins_at
FROM clock AS c
CROSS JOIN (SELECT unnest(['day', 'week', 'month']) AS calendar)
GROUP BY zone, calendar, date_trunc(calendar, c.shown_at)
