-- no_consent (DESIGN 6, suppressions): a withdrawn consent, until it is granted again.
SELECT r.*, rule.name AS policy
FROM refusals AS r
JOIN rules AS rule USING (reason)
WHERE reason = 'no_consent'
