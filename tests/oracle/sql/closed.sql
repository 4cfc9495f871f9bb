-- Closings on the channels that they close. A hard bounce of which neither its own word nor its message
-- says a channel is on that of the one kind of address it names, or where it names none of the one kind
-- that what it answers was sent to: an email, or a text message. Else it is on every channel.
WITH kinds AS (
    SELECT
        m.identifier_set,
        CASE WHEN count(DISTINCT i.identifier_type) = 1 THEN min(i.identifier_type) ELSE 'both' END AS kind
    FROM members AS m
    JOIN identifiers AS i USING (node)
    WHERE NOT i.is_blocked AND i.identifier_type IN ('email', 'phone')
    GROUP BY m.identifier_set
)

SELECT
    c.* REPLACE (
        CASE
            WHEN c.reason <> 'bounced' OR c.channel IS NOT NULL THEN c.channel
            WHEN coalesce(o.kind, t.kind) = 'phone' THEN 'sms'
            WHEN coalesce(o.kind, t.kind) = 'email' THEN 'email'
        END AS channel
    )
FROM closings AS c
LEFT JOIN kinds AS o USING (identifier_set)
LEFT JOIN kinds AS t ON t.identifier_set = c.sent_set
