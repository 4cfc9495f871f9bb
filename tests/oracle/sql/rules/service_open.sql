-- service_open: no marketing while a service contact of somebody is open, from each opening until the
-- first closing of its contact at or after it, whosever that is, or for `lasts_at_most`, whichever is
-- sooner. Without a contact_id nothing is closed. One row a channel of the rule.
WITH opened AS (
    SELECT
        o.*,
        r.name AS policy,
        r.channels,
        o.occurred_at + span(r.options ->> 'lasts_at_most') AS lapses_at
    FROM owned('service') AS o
    CROSS JOIN rules AS r
    WHERE o.type = 'contact_opened' AND is_person(o.person_id) AND r.reason = 'service_open'
),

ended AS (
    SELECT
        o.*,
        (
            SELECT min({occurred_at: c.occurred_at, event_id: c.event_id})
            FROM service AS c
            WHERE
                c.type = 'contact_closed'
                AND c.contact_id = o.contact_id
                AND c.occurred_at >= o.occurred_at
                AND c.occurred_at < coalesce(o.lapses_at, 'infinity')
        ) AS lift
    FROM opened AS o
)

SELECT
    person_id,
    policy,
    'service_open' AS reason,
    unnest(each_channel(channels)) AS channel,
    'purpose' AS scope_kind,
    'marketing' AS scope_value,
    occurred_at AS starts_at,
    coalesce(lift.occurred_at, lapses_at) AS ends_at,
    named('service', lift.event_id) AS lifted_by,
    CASE
        WHEN lift IS NULL THEN [named('service', event_id)]
        ELSE [named('service', event_id), named('service', lift.event_id)]
    END AS evidence,
    'service' AS cause_stream,
    event_id AS cause_id,
    CAST(NULL AS INTEGER) AS line_number
FROM ended
