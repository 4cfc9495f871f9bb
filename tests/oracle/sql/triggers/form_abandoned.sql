-- form_abandoned: the last start of a form (of those within `after`, at least half an hour, of each
-- other), ended by a submission of the same form, or of one that is not named.
SELECT
    person_id,
    t.name AS policy,
    h.ref AS cause,
    coalesce(h.form, '') AS form_of
FROM happened AS h
CROSS JOIN triggers AS t
WHERE
    h.type = 'form_start'
    AND t.kind = 'form_abandoned'
    AND (
        coalesce(len(t.options ->> '$.forms[*]'), 0) = 0
        OR list_contains(t.options ->> '$.forms[*]', coalesce(h.form, ''))
    )
    AND NOT EXISTS (
        FROM happened AS n
        WHERE
            n.person_id = h.person_id
            AND n.type = 'form_start'
            AND coalesce(n.form, '') = coalesce(h.form, '')
            AND n.ref > h.ref
            AND n.occurred_at < h.occurred_at + greatest(t.first_wait, INTERVAL 30 MINUTE)
    )
