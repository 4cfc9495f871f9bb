-- As published: one row a policy, cause and scope, with all its channels (none: every one) and, of a
-- cap, all its purposes; what it is about comes first in its scope, then what else must hold. Named by policy, cause, line, scope and start, never by a person.
WITH gathered AS (
    SELECT
        * EXCLUDE (channel, scope_value),
        coalesce(list_sort(list(DISTINCT channel) FILTER (channel IS NOT NULL)), []) AS channels,
        coalesce(list_sort(list(DISTINCT scope_value) FILTER (scope_value IS NOT NULL)), []) AS about
    FROM (SELECT *, CASE WHEN reason <> 'capped' AND scope_kind = 'purpose' THEN scope_value END AS apart FROM suppressed)
    WHERE is_person(person_id)
    GROUP BY ALL
)

SELECT
    sha256(
        concat_ws(
            '|',
            policy,
            named(cause_stream, cause_id),
            coalesce(CAST(line_number AS VARCHAR), ''),
            scope_kind,
            array_to_string(about, ','),
            CAST(epoch_us(starts_at) AS VARCHAR)
        )
    )[:32] AS suppression_id,
    * EXCLUDE (cause_stream, cause_id, line_number, apart, scope_kind, about, of_discounts, of_topics, is_negated, made_for, further),
    [{kind: scope_kind, "values": about, negated: coalesce(is_negated, false)}]
    || CASE
        WHEN of_discounts THEN [{kind: 'discount', "values": CAST([] AS VARCHAR[]), negated: false}]
        ELSE []
    END
    || CASE WHEN of_topics IS NOT NULL THEN [{kind: 'topic', "values": of_topics, negated: false}] ELSE [] END
    || coalesce(further, [])
    AS scope
FROM gathered
