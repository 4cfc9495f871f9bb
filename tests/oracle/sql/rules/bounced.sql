-- bounced (DESIGN 6, suppressions):
-- an address that does not exist, until another one is known or somebody subscribes again.
SELECT r.*, rule.name AS policy
FROM refusals AS r
JOIN rules AS rule USING (reason)
WHERE reason = 'bounced'
