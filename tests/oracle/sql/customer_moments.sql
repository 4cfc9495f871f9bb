-- At what hour and on which day of the week each person answers messages and orders, in their own
-- zone: of the newest hundred moments, where there are five; of two with as many the earlier.
WITH moments AS (
    SELECT DISTINCT person_id, 'response' AS kind, occurred_at
    FROM message_events
    WHERE (type = 'opened' AND machine_open IS NOT TRUE) OR type = 'clicked'
    UNION
    SELECT person_id, 'purchase', placed_at
    FROM customer_orders
    WHERE NOT is_cancelled
),

newest AS (
    SELECT
        m.person_id,
        kind,
        timezone(
            coalesce(p.time_zone, s.time_zone), timezone('UTC', occurred_at)
        ) AS local_at
    FROM moments AS m
    CROSS JOIN settings AS s
    LEFT JOIN customer_places AS p USING (person_id)
    WHERE m.person_id IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY m.person_id, kind ORDER BY occurred_at DESC) <= 100
),

most AS (
    SELECT
        person_id,
        kind,
        count(*) AS moments,
        list(hour(local_at)) AS hours,
        list(isodow(local_at)) AS weekdays
    FROM newest
    GROUP BY person_id, kind
    HAVING count(*) >= 5
),

-- Of values in order the first that none is more often than.
usual AS (
    SELECT
        person_id,
        kind,
        list_sort(list_distinct(hours)) AS h,
        list_sort(list_distinct(weekdays)) AS w,
        hours,
        weekdays
    FROM most
),

found AS (
    SELECT
        person_id,
        kind,
        (list_reverse_sort(
            list_transform(h, lambda v: {n: len(list_filter(hours, lambda x: x = v)), v: -v})
        )[1]).v AS usual_hour,
        (list_reverse_sort(
            list_transform(w, lambda v: {n: len(list_filter(weekdays, lambda x: x = v)), v: -v})
        )[1]).v AS usual_weekday
    FROM usual
)

SELECT
    person_id,
    CAST(-max(usual_hour) FILTER (kind = 'response') AS INTEGER) AS usual_response_hour,
    CAST(-max(usual_weekday) FILTER (kind = 'response') AS INTEGER) AS usual_response_weekday,
    CAST(-max(usual_hour) FILTER (kind = 'purchase') AS INTEGER) AS usual_purchase_hour,
    CAST(-max(usual_weekday) FILTER (kind = 'purchase') AS INTEGER) AS usual_purchase_weekday
FROM found
GROUP BY person_id
