-- campaign: everybody seen by its start, from then until its end.
SELECT
    p.person_id,
    t.name AS policy,
    {occurred_at: c.starts_at, stream: 'campaigns', event_id: c.campaign_id} AS cause,
    p.person_id[3:] AS about,
    c.skus,
    c.ends_at AS lapses_at
FROM triggers AS t
JOIN campaigns AS c USING (campaign_id)
JOIN persons AS p ON p.first_seen_at <= c.starts_at
WHERE t.kind = 'campaign' AND is_person(p.person_id)
