-- no_consent (DESIGN 6, suppressions): a withdrawn consent, until it is granted again.
SELECT r.*, rule.name AS policy, true AS is_no_to_ads
FROM refusals AS r
JOIN rules AS rule USING (reason)
WHERE reason = 'no_consent'
