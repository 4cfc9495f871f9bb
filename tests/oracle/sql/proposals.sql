-- A cause that is several occasions says which of them it is. Each step of what the triggers give occasion to say: when it may be said, until when, and the first
-- event behind its cause, or at its moment and of a type that causes none, that withdraws it.
WITH caused AS (
    SELECT
        c.* REPLACE (coalesce(c.skus, []) AS skus),
        t.cancel_on,
        t.steps,
        t.expires,
        (
            SELECT min(e.ref)
            FROM happened AS e
            WHERE
                e.person_id = c.person_id
                AND list_contains(t.cancel_on, e.type)
                AND (
                    e.ref > c.cause
                    OR (e.occurred_at = c.cause.occurred_at AND NOT list_contains(t.caused_by, e.type))
                )
                AND (c.form_of IS NULL OR e.type <> 'form_submit' OR e.form IS NULL OR e.form = c.form_of)
        ) AS cancelled_by
    FROM causes AS c
    JOIN triggers AS t ON t.name = c.policy
),

unfolded AS (
    SELECT *, unnest(steps) AS step_told FROM caused
),

stepped AS (
    SELECT
        *,
        coalesce(counts_from_at, cause.occurred_at) + step_told.wait AS proposed_at,
        least(proposed_at + expires, lapses_at) AS expires_at
    FROM unfolded
)

SELECT
    person_id,
    policy,
    {
        occurred_at: cause.occurred_at,
        stream: cause.stream,
        event_id: concat_ws(':', cause.event_id, about)
    } AS cause,
    step_told.number AS step,
    proposed_at,
    expires_at,
    list_sort(list_distinct(skus)) AS skus,
    list_min(list_filter([cancelled_by, ended_by], lambda one: one IS NOT NULL)) AS withdrawn_by,
    list_sort(list_distinct([named(cause.stream, cause.event_id)] || coalesce(further, []))) AS evidence
FROM stepped
WHERE coalesce(expires_at > proposed_at, true)
