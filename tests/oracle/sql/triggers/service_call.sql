-- service_call: the newest event of a contact that tells how it was liked, where that was little; it is
-- theirs who opened the contact first, else theirs who is named first.
WITH contacts AS (
    SELECT
        coalesce(contact_id, ':service:' || event_id) AS contact,
        *,
        {occurred_at: occurred_at, stream: 'service', event_id: event_id} AS ref
    FROM owned('service')
    WHERE type IN ('contact_opened', 'contact_closed')
),

told AS (
    SELECT
        c.ref AS cause,
        c.satisfaction,
        coalesce(
            (
                SELECT arg_min(o.person_id, o.ref) FROM contacts AS o
                WHERE o.contact = c.contact AND o.type = 'contact_opened' AND is_person(o.person_id)
            ),
            (
                SELECT arg_min(o.person_id, o.ref) FROM contacts AS o
                WHERE o.contact = c.contact AND is_person(o.person_id)
            )
        ) AS person_id
    FROM contacts AS c
    WHERE c.satisfaction IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY c.contact ORDER BY c.ref DESC) = 1
)

SELECT person_id, t.name AS policy, cause
FROM told
CROSS JOIN triggers AS t
WHERE
    t.kind = 'service_call'
    AND person_id IS NOT NULL
    AND satisfaction <= coalesce(CAST(t.options ->> 'satisfaction_up_to' AS INTEGER), 2)
