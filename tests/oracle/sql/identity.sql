-- One row an identifier, blocked ones and hubs without a person.
SELECT
    identifier_key,
    identifier_type,
    person_id,
    CAST(NULL AS VARCHAR) AS household_id,
    first_seen_at,
    last_seen_at,
    state,
    neutral_from_at,
    neutral_person_id
FROM labels
