-- Closings on the channels that they close. A hard bounce of which neither its own word nor its message
-- says a channel is on that of the one kind of address it names: an email, or a text message. Where it
-- names both kinds or none it is on every channel.
WITH kinds AS (
    SELECT m.identifier_set, min(i.identifier_type) AS kind
    FROM members AS m
    JOIN identifiers AS i USING (node)
    WHERE NOT i.is_blocked AND i.identifier_type IN ('email', 'phone')
    GROUP BY m.identifier_set
    HAVING count(DISTINCT i.identifier_type) = 1
)

SELECT
    c.* REPLACE (
        CASE
            WHEN c.reason <> 'bounced' OR c.channel IS NOT NULL THEN c.channel
            WHEN k.kind = 'phone' THEN 'sms'
            ELSE k.kind
        END AS channel
    )
FROM closings AS c
LEFT JOIN kinds AS k USING (identifier_set)
