-- What became of messages (DESIGN 6, messages): channel, purpose, campaign, products and person of
-- an event are those of its message: of the first `sent` that says so, else of the first event that
-- does. An id sent to several persons stays each one's own. Who subscribes says so of themselves;
-- what closes all channels closes all. A shared device's steady id is no person. What an event says of
-- person and channel itself stays beside it. A word that names
-- no message is of none: it says itself whose it is and about what.
WITH placed AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY message_id ORDER BY type <> 'sent', occurred_at, event_id
        ) AS place
    FROM owned('messages')
    WHERE message_id IS NOT NULL
),

facts AS (
    SELECT
        message_id,
        arg_min(person_id, place) FILTER (is_person(person_id)) AS person_id,
        arg_min(channel, place) FILTER (channel <> 'all') AS channel,
        arg_min(purpose, place) FILTER (purpose IS NOT NULL) AS purpose,
        arg_min(campaign_id, place) FILTER (campaign_id IS NOT NULL) AS campaign_id,
        arg_min(variant, place) FILTER (variant IS NOT NULL) AS variant,
        arg_min(topic, place) FILTER (topic IS NOT NULL) AS topic,
        arg_min(skus, place) FILTER (skus IS NOT NULL) AS skus,
        arg_min(categories, place) FILTER (categories IS NOT NULL) AS categories
    FROM placed
    GROUP BY message_id
),

addressed AS (
    SELECT DISTINCT message_id, person_id
    FROM placed
    WHERE type = 'sent' AND is_person(person_id)
),

-- Of a subscription the message says what it leaves open; of all else, whatever it can.
told AS (
    SELECT
        p.* EXCLUDE (place),
        p.person_id AS own_person_id,
        p.channel AS own_channel,
        f,
        a.person_id IS NOT NULL OR (p.type = 'subscribed' AND is_person(p.person_id)) AS is_theirs
    FROM placed AS p
    JOIN facts AS f USING (message_id)
    LEFT JOIN addressed AS a ON a.message_id = p.message_id AND a.person_id = p.person_id
)

SELECT
    * EXCLUDE (f, is_theirs) REPLACE (
        CASE WHEN is_theirs THEN person_id ELSE coalesce(f.person_id, person_id) END AS person_id,
        CASE
            WHEN channel = 'all' THEN channel
            ELSE first_of(type, channel, f.channel)
        END AS channel,
        first_of(type, purpose, f.purpose) AS purpose,
        first_of(type, campaign_id, f.campaign_id) AS campaign_id,
        first_of(type, variant, f.variant) AS variant,
        first_of(type, topic, f.topic) AS topic,
        first_of(type, skus, f.skus) AS skus,
        first_of(type, categories, f.categories) AS categories
    )
FROM told
UNION ALL BY NAME
SELECT * FROM owned('messages') WHERE message_id IS NULL
