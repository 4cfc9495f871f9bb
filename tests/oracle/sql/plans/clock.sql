-- What the clock of each zone shows at each minute of the time that is looked at.
SELECT
    zone,
    quarter_at + to_minutes(minute) AS minute_at,
    minute_at + shift AS shown_at,
    isodow(shown_at) AS weekday,
    CAST(60 * hour(shown_at) + minute(shown_at) AS INTEGER) AS minute_of_day
FROM quarters
CROSS JOIN (SELECT unnest(range(15)) AS minute)
