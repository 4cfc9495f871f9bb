-- What the business said of two identifiers. Of a pair, however its two were written (an event's
-- identifiers are in the order of priority and key), the newest word holds; a withdrawal leaves none.
SELECT
    *,
    kind <> 'link_withdrawn' AND row_number() OVER newest = 1 AS is_standing
FROM words
WINDOW newest AS (PARTITION BY identifier_key, other_key ORDER BY said_at DESC, event_id DESC)
