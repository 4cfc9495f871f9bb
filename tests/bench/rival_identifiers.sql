-- Distinct identifiers as the sources wrote them: normalised, judged and keyed (DESIGN 6, identity
-- rule 1; G8). `raw_identifiers` holds each (type, value) once, `phones` the E.164 form of each
-- trimmed phone number, `hmac_pads` the secret as HMAC (RFC 2104) takes it.
WITH trimmed AS (
    SELECT
        r.type,
        r.value,
        trim(r.value, p.whitespace) AS said,
        CASE r.type WHEN 'email_sha256' THEN 'email' ELSE r.type END AS identifier_type
    FROM raw_identifiers AS r
    CROSS JOIN hmac_pads AS p
    WHERE r.value IS NOT NULL
),

normal AS (
    SELECT
        t.* EXCLUDE (said),
        types.priority,
        CASE t.type
            WHEN 'email' THEN sha256(lower(t.said))
            WHEN 'email_sha256' THEN lower(t.said)
            WHEN 'phone' THEN coalesce(phones.e164, t.said)
            ELSE t.said
        END AS normal_value,
        CASE t.type
            WHEN 'email' THEN regexp_full_match(t.said, '[^@\pZ\p{Cc}\p{Cf}]+@[^@\pZ\p{Cc}\p{Cf}]+\.[^@\pZ\p{Cc}\p{Cf}]+')
            WHEN 'email_sha256' THEN regexp_full_match(lower(t.said), '[0-9a-f]{64}')
            WHEN 'phone' THEN phones.e164 IS NOT NULL
            ELSE true
        END AS is_valid,
        lower(t.said) IN (SELECT value FROM blocked)
        OR regexp_full_match(t.said, '[0-]*')
        OR (t.type = 'email_sha256' AND lower(t.said) IN (SELECT sha256(value) FROM blocked))
        OR (t.type = 'phone' AND phones.e164 IN (SELECT value FROM blocked)) AS is_blocked
    FROM trimmed AS t
    JOIN types ON types.type = t.identifier_type
    LEFT JOIN phones ON t.type = 'phone' AND phones.said = t.said
    WHERE t.said <> ''
)

SELECT
    type,
    value,
    identifier_type,
    priority,
    is_blocked,
    sha256(
        outer_pad || unhex(
            sha256(
                inner_pad || encode(
                    CASE identifier_type WHEN 'email' THEN 'email_sha256' ELSE identifier_type END
                    || ':' || normal_value
                )
            )
        )
    )[:32] AS identifier_key
FROM normal
CROSS JOIN hmac_pads
WHERE is_valid OR is_blocked
