-- What each cap counts (DESIGN 6, frequency caps): the person's messages of its channels, purposes,
-- topics and campaigns, each once, at its first event of the counted type; an opening by a machine is
-- none. One of a channel that nobody knows (all) is counted for every channel. Exempt ones count where
-- the cap says so. A calendar's window is one of the customer's, the business's or UTC time.
WITH by_content AS (
    SELECT content_id, list(DISTINCT topic_word(topic)) AS topics
    FROM contents
    WHERE topic IS NOT NULL
    GROUP BY content_id
),

by_campaign AS (
    SELECT campaign_id, list(DISTINCT topic_word(topic)) AS topics
    FROM campaigns
    WHERE topic IS NOT NULL
    GROUP BY campaign_id
),

-- What each is about, by its own word, else its content's, else its campaign's.
about_topics AS (
    SELECT
        m.*,
        CASE
            WHEN m.topic IS NOT NULL THEN [topic_word(m.topic)]
            ELSE coalesce(t.topics, p.topics, [])
        END AS topics
    FROM message_events AS m
    LEFT JOIN by_content AS t USING (content_id)
    LEFT JOIN by_campaign AS p USING (campaign_id)
),

counted AS (
    SELECT
        c.name AS cap,
        m.person_id,
        min({occurred_at: m.occurred_at, event_id: m.event_id}) AS first_event
    FROM about_topics AS m
    JOIN caps AS c ON c.counts = m.type
    WHERE
        is_person(m.person_id)
        AND (len(c.channels) = 0 OR list_contains(c.channels, m.channel) OR m.channel = 'all')
        AND list_contains(c.purposes, coalesce(m.purpose, 'marketing'))
        AND (len(c.topics) = 0 OR names_topic(c.topics, m.topics))
        AND (len(c.campaigns) = 0 OR coalesce(list_contains(c.campaigns, m.campaign_id), false))
        AND (
            c.exempt_counts
            OR NOT (
                names_topic(c.exempt_topics, m.topics)
                OR coalesce(list_contains(c.exempt_campaigns, m.campaign_id), false)
            )
        )
        AND NOT (m.type = 'opened' AND coalesce(m.machine_open, false))
    GROUP BY c.name, m.person_id, m.message_id
)

SELECT
    d.cap,
    d.person_id,
    first_event.occurred_at AS occurred_at,
    first_event.event_id AS event_id,
    row_number() OVER (PARTITION BY cap, d.person_id ORDER BY first_event) AS place,
    c.calendar,
    c.week_starts,
    CASE c.zone
        WHEN 'utc' THEN 'UTC'
        WHEN 'business' THEN s.time_zone
        ELSE z.time_zone
    END AS time_zone
FROM counted AS d
JOIN caps AS c ON c.name = d.cap
CROSS JOIN settings AS s
JOIN zones AS z ON z.person_id = d.person_id AND z.occurred_at = first_event.occurred_at
