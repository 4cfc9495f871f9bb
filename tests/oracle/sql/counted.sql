-- What each cap counts (DESIGN 6, frequency caps): the person's messages of its channels and
-- purposes, each once, at its first event of the counted type; an opening by a machine is none. One
-- of a channel that nobody knows (all) is counted for every channel.
WITH counted AS (
    SELECT
        c.name AS cap,
        m.person_id,
        min({occurred_at: m.occurred_at, event_id: m.event_id}) AS first_event
    FROM message_events AS m
    JOIN caps AS c ON c.counts = m.type
    WHERE
        is_person(m.person_id)
        AND (len(c.channels) = 0 OR list_contains(c.channels, m.channel) OR m.channel = 'all')
        AND list_contains(c.purposes, coalesce(m.purpose, 'marketing'))
        AND NOT (m.type = 'opened' AND coalesce(m.machine_open, false))
    GROUP BY c.name, m.person_id, m.message_id
)

SELECT
    cap,
    person_id,
    first_event.occurred_at AS occurred_at,
    first_event.event_id AS event_id,
    row_number() OVER (PARTITION BY cap, person_id ORDER BY first_event) AS place
FROM counted
