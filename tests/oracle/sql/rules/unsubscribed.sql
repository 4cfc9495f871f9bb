-- unsubscribed (DESIGN 6, suppressions):
-- a channel that somebody has unsubscribed from, until they subscribe again.
SELECT r.*, rule.name AS policy, true AS is_no_to_ads
FROM refusals AS r
JOIN rules AS rule USING (reason)
WHERE reason = 'unsubscribed'
