-- What was handed over to be sent before this batch.
SELECT
    e.*,
    list_contains(s.interrupting, e.channel) AS interrupts
FROM emitted AS e
CROSS JOIN settings AS s
