-- What each destination must hold now: the linked identifiers of all who are wanted there and, at an
-- ad network, may be; but no address that is dead on the destination's channel, on any where that
-- has no addresses, unless the audience is about bounces or an ad network's. And the identifiers that
-- are nobody's own while the newest word that names them closes. At an ad network two identifiers may be
-- one value: it is there for nobody while anybody who has it there said no to ads, or one of them is
-- nobody's own.
WITH last_bounce AS (
    SELECT person_id, channel, identifier_key, max(occurred_at) AS bounced_at
    FROM (SELECT *, unnest(addresses) AS identifier_key FROM addresses WHERE type = 'bounced')
    GROUP BY person_id, channel, identifier_key
),

dead AS (
    SELECT b.identifier_key, b.channel
    FROM last_bounce AS b
    WHERE NOT EXISTS (
        FROM addresses AS s
        WHERE
            s.type = 'subscribed'
            AND s.person_id = b.person_id
            AND s.channel = b.channel
            AND (s.addresses = [] OR list_contains(s.addresses, b.identifier_key))
            AND s.occurred_at > b.bounced_at
    )
),

withheld AS (
    SELECT l.identifier_key
    FROM labels AS l
    JOIN answers AS a ON a.person_id = l.person_id
    WHERE l.state = 'linked' AND a.answer = 'withdrawn'
    UNION
    SELECT identifier_key FROM labels WHERE state IN ('hub', 'neutral')
),

refused AS (
    SELECT DISTINCT v.destination, v.value
    FROM network_values AS v
    JOIN withheld USING (identifier_key)
)

SELECT DISTINCT w.destination, l.identifier_key
FROM wanted AS w
JOIN silence AS n ON n.person_id = w.person_id
JOIN destinations AS d ON d.name = w.destination
JOIN labels AS l
    ON l.person_id = w.person_id
    AND l.state = 'linked'
    AND list_contains(d.identifiers, l.identifier_type)
WHERE
    (NOT w.is_network OR w.answer = 'granted' OR (w.answer IS NULL AND NOT n.is_no))
    AND (
        NOT w.is_network
        OR EXISTS(
            FROM network_values AS v
            WHERE
                v.destination = w.destination
                AND v.identifier_key = l.identifier_key
                AND v.is_best
                AND NOT EXISTS(FROM refused AS r WHERE r.destination = v.destination AND r.value = v.value)
        )
    )
    AND (
        d.is_about_bounces
        OR w.is_network
        OR l.identifier_key NOT IN (
            SELECT identifier_key
            FROM dead
            WHERE d.channel IS NULL OR d.channel NOT IN ('email', 'sms', 'call')
                OR dead.channel = d.channel
        )
    )
UNION
SELECT w.destination, i.identifier_key
FROM wanted AS w
JOIN destinations AS d ON d.name = w.destination
JOIN identifiers AS i ON w.person_id = 'a_' || i.identifier_key AND list_contains(d.identifiers, i.identifier_type)
