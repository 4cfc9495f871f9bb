-- Every word of consent, once for each purpose it is about: without channel, or for all of them, it
-- is about every channel (null); without purpose about marketing; for all purposes about each.
SELECT
    person_id,
    event_id,
    identifier_set,
    type,
    occurred_at,
    attribute,
    CASE WHEN channel <> 'all' THEN channel END AS channel,
    unnest(
        CASE WHEN purpose = 'all' THEN ['marketing', 'transactional']
        ELSE [coalesce(purpose, 'marketing')] END
    ) AS purpose
FROM owned('profiles')
WHERE type IN ('consent_granted', 'consent_withdrawn')
