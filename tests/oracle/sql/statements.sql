-- What is said of persons by name, by whom, and how much that counts: who says so themselves first, then
-- what the shop knows, its partners, and what was bought. Who does not say: a preference is one's own.
WITH said AS (
    SELECT
        person_id,
        attribute,
        value,
        occurred_at,
        event_id,
        coalesce(
            nullif(regexp_extract(lower(trim(provenance)), '^(zero|first|second|third)', 1), ''),
            CASE WHEN type = 'preference_set' THEN 'zero' ELSE 'first' END
        ) AS provenance
    FROM owned('profiles')
    WHERE type IN ('attribute_set', 'preference_set')
        AND attribute IS NOT NULL
        AND person_id IS NOT NULL
)

SELECT *, list_position(['zero', 'first', 'second', 'third'], provenance) AS place
FROM said
