-- welcome: the first event ever of the types that somebody is new by.
SELECT person_id, t.name AS policy, min(ref) AS cause
FROM happened AS h
CROSS JOIN triggers AS t
WHERE
    t.kind = 'welcome'
    AND list_contains(
        CASE WHEN json_exists(t.options, '$.on') THEN t.options ->> '$.on[*]' ELSE ['signup'] END, h.type
    )
GROUP BY person_id, t.name
