-- The best word on each attribute of a person: their own answers first, then what the shop knows,
-- its partners, and what was bought; of one source the newest.
WITH said AS (
    SELECT
        person_id,
        attribute,
        value,
        occurred_at,
        event_id,
        coalesce(
            regexp_extract(lower(trim(provenance)), '^(zero|first|second|third)', 1),
            ''
        ) AS told,
        CASE WHEN type = 'preference_set' THEN 'zero' ELSE 'first' END AS own
    FROM owned('profiles')
    WHERE type IN ('attribute_set', 'preference_set')
        AND attribute IS NOT NULL
        AND person_id IS NOT NULL
)

SELECT
    person_id,
    attribute,
    value,
    CASE WHEN told = '' THEN own ELSE told END AS provenance,
    occurred_at AS said_at
FROM said
QUALIFY row_number() OVER (
    PARTITION BY person_id, attribute
    ORDER BY
        list_position(
            ['zero', 'first', 'second', 'third'], CASE WHEN told = '' THEN own ELSE told END
        ),
        occurred_at DESC,
        event_id DESC
) = 1
