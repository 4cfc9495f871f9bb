-- Every place that is taken in a limit when this batch begins: by what was handed over, at its `sent`
-- or else at its moment, until it fails or expires unsent; by each message of anybody else's.
-- How often a policy asks goes by what was handed over, whatever became of it, and the distance between
-- two plans is kept from all of it that did not fail, since many senders never tell whether they sent.
WITH own AS (
    SELECT
        e.*,
        s.as_of,
        (
            SELECT min({sent_at: m.sent_at, message_id: m.message_id, is_failed: m.is_failed})
            FROM messages AS m
            WHERE
                m.person_id = e.person_id
                AND m.channel = e.channel
                AND m.campaign_id = e.campaign_id
                AND m.sent_at >= e.emitted_at
                AND coalesce(m.sent_at < e.expires_at, true)
        ) AS found
    FROM emitted AS e
    CROSS JOIN settings AS s
),

foreign_messages AS (
    SELECT m.*
    FROM messages AS m
    ANTI JOIN (SELECT found.message_id AS message_id FROM own) USING (message_id)
)

SELECT
    o.person_id,
    l.name,
    coalesce(o.found.sent_at, o.send_at) AS taken_at,
    o.decision_id,
    l.own
FROM own AS o
JOIN limits AS l USING (decision_id)
WHERE
    l.counts
    AND (
        l.is_of_asking
        OR (l.name = 'min-gap' AND NOT coalesce(o.found.is_failed, false))
        OR (
            NOT coalesce(o.found.is_failed, false)
            AND (o.found IS NOT NULL OR coalesce(o.expires_at > o.as_of, true))
        )
    )
UNION ALL
SELECT
    m.person_id,
    c.name,
    m.sent_at,
    CAST(NULL AS VARCHAR),
    CAST(NULL AS VARCHAR)
FROM foreign_messages AS m
JOIN caps AS c
    ON
        (len(c.channels) = 0 OR list_contains(c.channels, m.channel))
        AND list_contains(c.purposes, m.purpose)
        AND (len(c.campaigns) = 0 OR coalesce(list_contains(c.campaigns, m.campaign_id), false))
        AND (c.exempt_counts OR NOT coalesce(list_contains(c.exempt_topics, topic_word(m.topic)), false))
