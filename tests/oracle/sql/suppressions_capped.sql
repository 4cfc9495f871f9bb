-- capped (DESIGN 6, frequency caps): from the message that fills a window of W with `limit`
-- messages until the oldest of them is W old, or the calendar's next day, week or month begins, when
-- the next is allowed again. One row a channel and purpose of the cap; `further` is what else a
-- message must be about, or must not. Evidence is the messages that fill the window.
WITH filled AS (
    SELECT
        last.cap,
        last.person_id,
        last.place AS last_place,
        last.occurred_at,
        last.event_id,
        oldest.place AS oldest_place,
        coalesce(w.ends_at, oldest.occurred_at + c.cap_window) AS ends_at,
        c.channels,
        c.purposes,
        list_concat(
            scope_part('topic', c.topics, false),
            scope_part('campaign', c.campaigns, false),
            scope_part('topic', c.exempt_topics, true),
            scope_part('campaign', c.exempt_campaigns, true)
        ) AS further
    FROM counted AS last
    JOIN caps AS c ON c.name = last.cap
    JOIN counted AS oldest
        ON
            oldest.cap = last.cap
            AND oldest.person_id = last.person_id
            AND oldest.place = last.place - c.cap_limit + 1
    LEFT JOIN windows AS w
        ON (w.calendar, w.week_starts, w.time_zone, w.moment)
        = (last.calendar, last.week_starts, last.time_zone, last.occurred_at)
    WHERE
        CASE
            WHEN c.calendar IS NULL THEN last.occurred_at < oldest.occurred_at + c.cap_window
            ELSE oldest.occurred_at >= w.starts_at
        END
),

told AS (
    SELECT
        any_value(f) AS f,
        list(named('messages', m.event_id) ORDER BY m.place) AS evidence
    FROM filled AS f
    JOIN counted AS m
        ON
            m.cap = f.cap
            AND m.person_id = f.person_id
            AND m.place BETWEEN f.oldest_place AND f.last_place
    GROUP BY f.cap, f.person_id, f.last_place
),

per_purpose AS (
    SELECT f.*, evidence, unnest(f.purposes) AS purpose
    FROM told
)

SELECT
    person_id,
    cap AS policy,
    'capped' AS reason,
    unnest(each_channel(channels)) AS channel,
    'purpose' AS scope_kind,
    purpose AS scope_value,
    further,
    occurred_at AS starts_at,
    ends_at,
    CAST(NULL AS VARCHAR) AS lifted_by,
    evidence,
    'messages' AS cause_stream,
    event_id AS cause_id,
    CAST(NULL AS INTEGER) AS line_number,
    CAST(NULL AS BOOLEAN) AS of_discounts,
    CAST(NULL AS VARCHAR[]) AS of_topics,
    CAST(NULL AS BOOLEAN) AS is_negated,
    CAST(NULL AS VARCHAR) AS made_for
FROM per_purpose
