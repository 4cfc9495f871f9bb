-- The best word on each attribute of a person; of one source the newest.
SELECT person_id, attribute, value, provenance, occurred_at AS said_at
FROM statements
QUALIFY row_number() OVER (
    PARTITION BY person_id, attribute
    ORDER BY place, occurred_at DESC, event_id DESC
) = 1
