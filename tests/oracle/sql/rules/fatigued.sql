-- fatigued: marketing rests for `rest` from each moment at which one more message than `limit` in the
-- window went unanswered: `unanswered_after` its first sending to the person, no person having opened
-- or clicked it until then. One that a machine opened, or that failed, until then does not count. One
-- row a channel of the rule.
WITH messages_sent AS (
    SELECT
        person_id,
        message_id,
        arg_min(channel, {occurred_at: occurred_at, event_id: event_id}) FILTER (type = 'sent') AS channel,
        min({occurred_at: occurred_at, event_id: event_id}) FILTER (type = 'sent') AS sending,
        min(occurred_at) FILTER (
            type IN ('clicked', 'opened', 'failed')
        ) AS told_at
    FROM message_events
    WHERE is_person(person_id) AND message_id IS NOT NULL AND coalesce(purpose, 'marketing') = 'marketing'
    GROUP BY person_id, message_id
),

chosen AS (
    SELECT
        name AS policy,
        channels AS on_channels,
        CAST(options ->> 'limit' AS BIGINT) AS most,
        span(options ->> 'window') AS within,
        span(options ->> 'rest') AS rest,
        coalesce(span(options ->> 'unanswered_after'), INTERVAL 3 DAY) AS unanswered_after,
        CASE
            WHEN json_exists(options, '$.counted_channels') THEN options ->> '$.counted_channels[*]'
            ELSE ['email']
        END AS counted_channels
    FROM rules
    WHERE reason = 'fatigued'
),

unanswered AS (
    SELECT
        *,
        sending.occurred_at + unanswered_after AS moment,
        row_number() OVER (
            PARTITION BY policy, person_id
            ORDER BY sending.occurred_at + unanswered_after, sending
        ) AS place
    FROM messages_sent
    JOIN chosen ON list_contains(counted_channels, channel)
    WHERE sending IS NOT NULL AND coalesce(told_at > sending.occurred_at + unanswered_after, true)
),

too_many AS (
    SELECT
        last.*,
        (
            SELECT list(named('messages', each.sending.event_id) ORDER BY each.place)
            FROM unanswered AS each
            WHERE
                each.policy = last.policy
                AND each.person_id = last.person_id
                AND each.place BETWEEN first.place AND last.place
        ) AS evidence
    FROM unanswered AS last
    JOIN unanswered AS first
        ON
            first.policy = last.policy
            AND first.person_id = last.person_id
            AND first.place = last.place - last.most
    WHERE first.moment > last.moment - last.within
)

SELECT
    person_id,
    policy,
    'fatigued' AS reason,
    unnest(each_channel(on_channels)) AS channel,
    'purpose' AS scope_kind,
    'marketing' AS scope_value,
    moment AS starts_at,
    moment + rest AS ends_at,
    CAST(NULL AS VARCHAR) AS lifted_by,
    evidence,
    'messages' AS cause_stream,
    sending.event_id AS cause_id,
    CAST(NULL AS INTEGER) AS line_number
FROM too_many
