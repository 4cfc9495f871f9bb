-- fatigued: marketing rests for `rest` from each moment at which one more message than `limit` in the
-- window went unanswered, or one more bad experience than `bad_limit` was made: a message sent although
-- one of the rules that make it bad spoke against it, an order that is late, a complaint. Unanswered: `unanswered_after` its first sending to the person, no person having opened
-- or clicked it until then. One that a machine opened, or that failed or bounced, until then does not count. One
-- row a channel of the rule.
WITH messages_sent AS (
    SELECT
        person_id,
        message_id,
        arg_min(channel, {occurred_at: occurred_at, event_id: event_id}) FILTER (type = 'sent') AS channel,
        min({occurred_at: occurred_at, event_id: event_id}) FILTER (type = 'sent') AS sending,
        min(occurred_at) FILTER (
            type IN ('clicked', 'opened', 'failed', 'bounced')
        ) AS told_at
    FROM message_events
    WHERE is_person(person_id) AND message_id IS NOT NULL AND coalesce(purpose, 'marketing') = 'marketing'
    GROUP BY person_id, message_id
),

chosen AS (
    SELECT
        name AS policy,
        channels AS on_channels,
        CAST(options ->> 'limit' AS BIGINT) AS most_unanswered,
        CAST(options ->> 'bad_limit' AS BIGINT) AS most_bad,
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

experiences AS (
    SELECT t.person_id, s.occurred_at AS moment, 'messages' AS stream, s.occurred_at, s.event_id
    FROM (SELECT DISTINCT message_id, person_id FROM bad_regrets) AS t
    JOIN sendings AS s USING (message_id)
    UNION ALL
    SELECT DISTINCT person_id, occurred_at, 'messages', occurred_at, event_id
    FROM closed
    WHERE reason = 'complained' AND is_person(person_id)
    UNION ALL
    SELECT u.person_id, min(u.starts_at), 'purchases', any_value(e.occurred_at), u.cause_id
    FROM rule_unfulfilled AS u
    JOIN purchases AS e ON e.event_id = u.cause_id
    WHERE u.made_for = 'late'
    GROUP BY u.person_id, u.cause_id
),

told AS (
    SELECT
        policy, on_channels, person_id, rest, within, 'unanswered' AS kind, most_unanswered AS most,
        sending.occurred_at + unanswered_after AS moment, 'messages' AS stream,
        sending.occurred_at, sending.event_id
    FROM messages_sent
    JOIN chosen ON list_contains(counted_channels, channel)
    WHERE
        most_unanswered IS NOT NULL
        AND sending IS NOT NULL
        AND coalesce(told_at > sending.occurred_at + unanswered_after, true)
    UNION ALL
    SELECT
        policy, on_channels, person_id, rest, within, 'bad', most_bad, moment, stream, occurred_at, event_id
    FROM experiences
    JOIN chosen ON most_bad IS NOT NULL
),

counting AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY policy, person_id, kind
            ORDER BY moment, occurred_at, stream, event_id
        ) AS place
    FROM told
),

too_many AS (
    SELECT
        last.*,
        (
            SELECT list(named(each.stream, each.event_id) ORDER BY each.place)
            FROM counting AS each
            WHERE
                each.policy = last.policy
                AND each.person_id = last.person_id
                AND each.kind = last.kind
                AND each.place BETWEEN first.place AND last.place
        ) AS evidence
    FROM counting AS last
    JOIN counting AS first
        ON
            first.policy = last.policy
            AND first.person_id = last.person_id
            AND first.kind = last.kind
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
    stream AS cause_stream,
    event_id AS cause_id,
    CAST(NULL AS INTEGER) AS line_number
FROM too_many
