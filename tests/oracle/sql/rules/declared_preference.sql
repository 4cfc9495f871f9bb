-- declared_preference: what somebody says themselves of an attribute that products have keeps the other
-- values of it away, until their next word on it or for `lasts`. Names and values without regard to
-- case; a list in JSON names several. One row a channel of the rule and value.
WITH answers_given AS (
    SELECT
        person_id,
        event_id,
        occurred_at,
        lower(trim(attribute, ' ')) AS name,
        list_distinct(
            list_filter(
                list_transform(
                    CASE
                        WHEN starts_with(trim(value, ' '), '[') AND json_valid(value) THEN value ->> '$[*]'
                        ELSE [value]
                    END,
                    lambda word: lower(trim(word, ' '))
                ),
                lambda word: word <> ''
            )
        ) AS wanted,
        lead({occurred_at: occurred_at, event_id: event_id}) OVER (
            PARTITION BY person_id, lower(trim(attribute, ' ')) ORDER BY occurred_at, event_id
        ) AS next
    FROM owned('profiles')
    WHERE
        type = 'preference_set'
        AND is_person(person_id)
        AND trim(attribute, ' ') <> ''
        AND NOT coalesce(regexp_matches(lower(trim(provenance, ' ')), '^(first|second|third)'), false)
),

asked AS (
    SELECT
        a.*,
        r.name AS policy,
        r.channels,
        a.occurred_at + r.lasts AS lapses_at,
        a.next.occurred_at < coalesce(a.occurred_at + r.lasts, 'infinity') AS is_lifted
    FROM answers_given AS a
    CROSS JOIN rules AS r
    WHERE
        r.reason = 'declared_preference'
        AND len(a.wanted) > 0
        AND (
            coalesce(len(r.options ->> '$.attributes[*]'), 0) = 0
            OR list_contains(
                list_transform(r.options ->> '$.attributes[*]', lambda word: lower(trim(word, ' '))), a.name
            )
        )
),

each_channel_of AS (
    SELECT *, unnest(each_channel(channels)) AS channel
    FROM asked
)

SELECT
    person_id,
    policy,
    'declared_preference' AS reason,
    channel,
    'attribute:' || name AS scope_kind,
    unnest(wanted) AS scope_value,
    true AS is_negated,
    occurred_at AS starts_at,
    CASE WHEN is_lifted THEN next.occurred_at ELSE lapses_at END AS ends_at,
    CASE WHEN is_lifted THEN named('profiles', next.event_id) END AS lifted_by,
    [named('profiles', event_id)] AS evidence,
    'profiles' AS cause_stream,
    event_id AS cause_id,
    CAST(NULL AS INTEGER) AS line_number
FROM each_channel_of
