-- How many are left out of each ad network's audience for want of consent to ads.
SELECT
    d.name AS destination,
    count(w.person_id) AS wanted_persons,
    count(w.person_id) FILTER (w.answer IS NULL AND n.is_no) AS not_asked_persons,
    count(w.person_id) FILTER (w.answer = 'withdrawn') AS withdrawn_persons,
    any_value(s.as_of) AS as_of
FROM destinations AS d
CROSS JOIN settings AS s
LEFT JOIN wanted AS w ON w.destination = d.name
LEFT JOIN silence AS n ON n.person_id = w.person_id
WHERE d.is_network
GROUP BY d.name
