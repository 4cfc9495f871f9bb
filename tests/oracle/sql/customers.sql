-- What is known of each person that owns an event; a shared device's steady id is none.
-- Where no shared device owns a set of identifiers, all its events have one owner, and when the set
-- was seen tells as much as each event. What became of a message is its person's.
WITH sights AS (
    SELECT
        any_value(o.person_id) AS person_id,
        min(e.occurred_at) AS first_seen_at,
        max(e.occurred_at) AS last_seen_at
    FROM events AS e
    JOIN owners AS o USING (identifier_set)
    WHERE o.neutral_from_at IS NULL AND e.stream <> 'messages'
    GROUP BY identifier_set
    UNION ALL
    SELECT person_id, occurred_at, occurred_at
    FROM owned('events')
    WHERE
        identifier_set IN (SELECT identifier_set FROM owners WHERE neutral_from_at IS NOT NULL)
        AND stream <> 'messages'
    UNION ALL
    SELECT person_id, occurred_at, occurred_at
    FROM message_events
),

seen AS (
    SELECT person_id, min(first_seen_at) AS first_seen_at, max(last_seen_at) AS last_seen_at
    FROM sights
    WHERE is_person(person_id)
    GROUP BY person_id
),

money AS (
    SELECT
        person_id,
        count(*) FILTER (NOT is_cancelled) AS orders,
        min(placed_at) FILTER (NOT is_cancelled) AS first_order_at,
        max(placed_at) FILTER (NOT is_cancelled) AS last_order_at,
        count(*) FILTER (NOT is_cancelled AND value IS NULL) AS unpriced_orders,
        coalesce(sum(value), 0) AS value,
        CAST(sum(value) FILTER (NOT is_cancelled) AS HUGEINT) AS standing_value,
        count(value) FILTER (NOT is_cancelled) AS priced,
        sum(margin) AS margin,
        sum(lines) AS lines,
        sum(discounted_lines) AS discounted,
        sum(returned_lines) AS returned
    FROM customer_orders
    GROUP BY person_id
),

earned AS (
    SELECT person_id, map(list(currency ORDER BY currency), list(kept ORDER BY currency)) AS revenue
    FROM (
        SELECT person_id, currency, money(sum(kept)) AS kept
        FROM customer_orders
        GROUP BY person_id, currency
    )
    GROUP BY person_id
),

-- Who told what of a contact: who was first to open it; of one that nobody opened, whom the word names.
opened_by AS (
    SELECT contact_id, arg_min(person_id, {happened_at: occurred_at, event_id: event_id}) AS opener
    FROM owned('service')
    WHERE type = 'contact_opened' AND is_person(person_id) AND contact_id IS NOT NULL
    GROUP BY contact_id
),

content AS (
    SELECT coalesce(o.opener, s.person_id) AS person_id, round(avg(s.satisfaction), 2) AS satisfaction
    FROM owned('service') AS s
    LEFT JOIN opened_by AS o USING (contact_id)
    WHERE s.satisfaction IS NOT NULL
    GROUP BY 1
),

turned AS (
    SELECT person_id, count(DISTINCT coalesce(contact_id, event_id)) AS service_contacts
    FROM owned('service')
    WHERE type = 'contact_opened'
    GROUP BY person_id
),

served AS (
    SELECT * FROM turned FULL JOIN content USING (person_id)
),

-- The year they say, else that of the first of these days that is one.
answered AS (
    SELECT
        person_id,
        list(
            {
                key: attribute,
                value: {value: value, provenance: provenance, said_at: said_at}
            }
            ORDER BY attribute
        ) AS attributes,
        CAST(
            coalesce(
                any_value(trim(value)) FILTER (
                    attribute = 'birth_year' AND regexp_full_match(trim(value), '\d{4}')
                ),
                any_value(trim(value)[:4]) FILTER (
                    attribute = 'birthday' AND regexp_matches(trim(value), '^\d{4}-\d{2}-\d{2}')
                ),
                any_value(trim(value)[:4]) FILTER (
                    attribute = 'birth_date'
                    AND regexp_matches(trim(value), '^\d{4}-\d{2}-\d{2}')
                ),
                any_value(trim(value)[:4]) FILTER (
                    attribute = 'date_of_birth'
                    AND regexp_matches(trim(value), '^\d{4}-\d{2}-\d{2}')
                )
            ) AS INTEGER
        ) AS born
    FROM customer_answers
    GROUP BY person_id
),

-- The newest answer per channel and purpose; at the same moment a withdrawal wins.
consented AS (
    SELECT person_id, list({key: topic, value: is_granted} ORDER BY topic) AS consents
    FROM (
        SELECT
            person_id,
            coalesce(channel, 'all') || ':' || purpose AS topic,
            NOT (max({said_at: occurred_at, withdrawn: type = 'consent_withdrawn'})).withdrawn
                AS is_granted
        FROM consents
        WHERE person_id IS NOT NULL
        GROUP BY person_id, topic
    )
    GROUP BY person_id
)

SELECT
    person_id,
    seen.first_seen_at,
    seen.last_seen_at,
    coalesce(m.orders, 0) AS orders,
    m.first_order_at,
    m.last_order_at,
    coalesce(earned.revenue, MAP {}) AS revenue,
    coalesce(money(m.value), 0) AS revenue_total,
    coalesce(m.unpriced_orders, 0) AS unpriced_orders,
    money((2 * m.standing_value + m.priced) // (2 * nullif(m.priced, 0))) AS average_order,
    money(m.margin) AS margin_total,
    round(m.discounted / nullif(m.lines, 0)::DOUBLE, 4) AS sale_share,
    round(m.returned / nullif(m.lines, 0)::DOUBLE, 4) AS returns_share,
    t.value_band,
    coalesce(t.categories, []) AS categories,
    coalesce(t.brands, []) AS brands,
    t.switched_brand,
    coalesce(t.stores, []) AS stores,
    coalesce(t.places, []) AS places,
    p.device_os,
    coalesce(p.time_zone, s.time_zone) AS time_zone,
    j.jurisdiction,
    coalesce(i.category_intervals, MAP {}) AS category_intervals,
    coalesce(i.product_intervals, MAP {}) AS product_intervals,
    coalesce(map_from_entries(r.sends), MAP {}) AS sends,
    coalesce(map_from_entries(r.deliveries), MAP {}) AS deliveries,
    coalesce(map_from_entries(r.opens), MAP {}) AS opens,
    coalesce(map_from_entries(r.clicks), MAP {}) AS clicks,
    coalesce(map_from_entries(r.conversions), MAP {}) AS conversions,
    coalesce(map_from_entries(r.unsubscriptions), MAP {}) AS unsubscriptions,
    coalesce(map_from_entries(r.response_rates), MAP {}) AS response_rates,
    r.preferred_channel,
    u.usual_response_hour,
    u.usual_response_weekday,
    u.usual_purchase_hour,
    u.usual_purchase_weekday,
    coalesce(served.service_contacts, 0) AS service_contacts,
    served.satisfaction,
    coalesce(map_from_entries(consented.consents), MAP {}) AS consents,
    coalesce(map_from_entries(answered.attributes), MAP {}) AS attributes,
    CASE
        WHEN born BETWEEN 1901 AND 1927 THEN 'greatest'
        WHEN born BETWEEN 1928 AND 1945 THEN 'silent'
        WHEN born BETWEEN 1946 AND 1964 THEN 'boomers'
        WHEN born BETWEEN 1965 AND 1980 THEN 'x'
        WHEN born BETWEEN 1981 AND 1996 THEN 'millennials'
        WHEN born BETWEEN 1997 AND 2012 THEN 'z'
        WHEN born BETWEEN 2013 AND 2024 THEN 'alpha'
    END AS generation
FROM seen
CROSS JOIN settings AS s
LEFT JOIN money AS m USING (person_id)
LEFT JOIN earned USING (person_id)
LEFT JOIN customer_tastes AS t USING (person_id)
LEFT JOIN customer_places AS p USING (person_id)
LEFT JOIN customer_intervals AS i USING (person_id)
LEFT JOIN customer_responses AS r USING (person_id)
LEFT JOIN customer_moments AS u USING (person_id)
LEFT JOIN jurisdictions AS j USING (person_id)
LEFT JOIN served USING (person_id)
LEFT JOIN consented USING (person_id)
LEFT JOIN answered USING (person_id)
