-- As published: named by policy, cause, line, channel, scope and start, never by a person.
SELECT
    sha256(
        concat_ws(
            '|',
            policy,
            named(cause_stream, cause_id),
            coalesce(CAST(line_number AS VARCHAR), ''),
            coalesce(channel, ''),
            scope_kind,
            scope_value,
            CAST(epoch_us(starts_at) AS VARCHAR)
        )
    )[:32] AS suppression_id,
    * EXCLUDE (cause_stream, cause_id, line_number)
FROM suppressed
