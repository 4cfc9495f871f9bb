-- Whose the events with a set of identifiers are (DESIGN 6, identity rule 5): the person's of the
-- first identifier that is neither blocked nor hub; without one nobody's. A neutral device's are
-- its first person's until neutral_from_at, and neutral_person_id's from then on.
WITH first_identifier AS (
    SELECT m.identifier_set, min(m.node) AS node
    FROM members AS m
    JOIN labels AS l USING (node)
    WHERE l.state IN ('linked', 'neutral')
    GROUP BY m.identifier_set
)

SELECT f.identifier_set, l.person_id, l.neutral_from_at, l.neutral_person_id
FROM first_identifier AS f
JOIN labels AS l USING (node)
