-- What each person made of messages, channel by channel. An answer is an opening by a person, or a
-- click; a channel on which little was sent is believed less.
WITH sent AS (
    SELECT
        person_id,
        channel,
        count(*) AS sends,
        count(delivered_at) AS deliveries,
        count(opened_at) AS opens,
        count(clicked_at) AS clicks,
        count(goal_reached_at) AS conversions,
        count(coalesce(opened_at, clicked_at)) AS answered
    FROM outcomes
    WHERE person_id IS NOT NULL AND channel IS NOT NULL
    GROUP BY person_id, channel
),

gone AS (
    SELECT person_id, channel, count(*) AS unsubscriptions
    FROM message_events
    WHERE type = 'unsubscribed' AND person_id IS NOT NULL AND channel IS NOT NULL
    GROUP BY person_id, channel
),

told AS (
    SELECT * FROM sent FULL JOIN gone USING (person_id, channel)
)

SELECT
    person_id,
    list({key: channel, value: sends} ORDER BY channel) FILTER (sends > 0) AS sends,
    list({key: channel, value: deliveries} ORDER BY channel) FILTER (deliveries > 0) AS deliveries,
    list({key: channel, value: opens} ORDER BY channel) FILTER (opens > 0) AS opens,
    list({key: channel, value: clicks} ORDER BY channel) FILTER (clicks > 0) AS clicks,
    list({key: channel, value: conversions} ORDER BY channel) FILTER (conversions > 0)
        AS conversions,
    list({key: channel, value: unsubscriptions} ORDER BY channel) FILTER (unsubscriptions > 0)
        AS unsubscriptions,
    list({key: channel, value: round(answered / sends::DOUBLE, 4)} ORDER BY channel)
        FILTER (sends > 0) AS response_rates,
    (
        list(channel ORDER BY answered / (sends + 5)::DOUBLE DESC, channel) FILTER (answered > 0)
    )[1] AS preferred_channel
FROM told
GROUP BY person_id
