-- win_back: every order of which something was not cancelled; by default the next one ends it.
SELECT DISTINCT person_id, t.name AS policy, placed AS cause
FROM had
CROSS JOIN triggers AS t
WHERE t.kind = 'win_back'
