-- Marketing messages that did not fit the season, place, weather or hour where their customer had last
-- been seen by then. One product out of season, or for another place, is enough; what nobody knows
-- speaks against what asks for it. Evidence is what told where she was.
WITH told AS (
    SELECT s.message_id, s.person_id, s.channel, s.occurred_at, a.skus,
        timezone(z.time_zone, timezone('UTC', s.occurred_at)) AS local_at
    FROM sendings AS s
    JOIN about AS a USING (message_id)
    JOIN zones AS z USING (person_id, occurred_at)
    WHERE coalesce(s.purpose, 'marketing') = 'marketing' AND is_person(s.person_id)
),

seen AS (
    SELECT
        t.message_id,
        l.country,
        l.country || '-' || upper(trim(c.geo.region, ' ')) AS part,
        named('clicks', c.event_id) AS told_by
    FROM told AS t
    JOIN owned('clicks') AS c ON c.person_id = t.person_id AND c.occurred_at <= t.occurred_at
    JOIN countries AS l ON l.country = country_in(c.geo.country)
    QUALIFY row_number() OVER (
        PARTITION BY t.message_id ORDER BY c.occurred_at DESC, c.event_id DESC
    ) = 1
),

placed AS (
    SELECT
        t.*,
        s.country,
        s.part,
        s.told_by,
        CASE
            WHEN s.country IS NULL THEN NULL
            -- Of the countries that worlds know these lie in the south.
            WHEN s.country IN ('AU', 'BR', 'NZ', 'ZA') THEN
                ['summer', 'summer', 'autumn', 'autumn', 'autumn', 'winter', 'winter', 'winter',
                 'spring', 'spring', 'spring', 'summer'][month(t.local_at)]
            ELSE
                ['winter', 'winter', 'spring', 'spring', 'spring', 'summer', 'summer', 'summer',
                 'autumn', 'autumn', 'autumn', 'winter'][month(t.local_at)]
        END AS season
    FROM told AS t
    LEFT JOIN seen AS s USING (message_id)
),

weather AS (
    SELECT
        p.message_id,
        arg_min(
            {temperature: c.temperature, rain: c.rain},
            {is_whole: upper(trim(c.region, ' ')) = p.country, spelled: c.region}
        ) AS day
    FROM placed AS p
    JOIN context AS c
        ON c.day = CAST(p.local_at AS DATE) AND upper(trim(c.region, ' ')) IN (p.country, p.part)
    GROUP BY p.message_id
),

asked AS (
    SELECT
        name AS policy,
        channels,
        coalesce(CAST(options ->> 'seasons' AS BOOLEAN), true) AS by_season,
        coalesce(CAST(options ->> 'regions' AS BOOLEAN), true) AS by_region,
        CAST(options ->> 'temperature_from' AS DOUBLE) AS temperature_from,
        CAST(options ->> 'temperature_to' AS DOUBLE) AS temperature_to,
        CAST(options ->> 'rain' AS BOOLEAN) AS rain,
        CAST(string_split(options ->> 'hours', '-')[1] AS INT) AS first_hour,
        CAST(string_split(options ->> 'hours', '-')[2] AS INT) AS last_hour
    FROM checks
    WHERE reason = 'out_of_context'
),

judged AS (
    SELECT
        a.policy,
        p.*,
        a.by_season AND EXISTS (
            FROM products AS o
            WHERE list_contains(p.skus, o.sku) AND len(o.seasons) > 0
                AND NOT coalesce(list_contains(list_transform(
                    o.seasons, lambda one: replace(lower(trim(one, ' ')), 'fall', 'autumn')
                ), p.season), false)
        ) AS is_out_of_season,
        a.by_region AND EXISTS (
            FROM products AS o
            WHERE list_contains(p.skus, o.sku) AND len(o.regions) > 0
                AND NOT coalesce(list_has_any(list_transform(
                    o.regions, lambda one: upper(trim(one, ' '))
                ), list_filter([p.country, p.part], lambda one: one IS NOT NULL)), false)
        ) AS is_elsewhere,
        -- A part of the weather that nobody tells does not fit what asks for it.
        coalesce(a.temperature_from <= w.day.temperature, a.temperature_from IS NULL)
            AND coalesce(a.temperature_to >= w.day.temperature, a.temperature_to IS NULL)
            AND coalesce(a.rain = (w.day.rain > 0), a.rain IS NULL) AS is_right_weather,
        CASE
            WHEN a.first_hour IS NULL THEN true
            WHEN a.first_hour < a.last_hour
                THEN hour(p.local_at) >= a.first_hour AND hour(p.local_at) < a.last_hour
            ELSE hour(p.local_at) >= a.first_hour OR hour(p.local_at) < a.last_hour
        END AS is_right_hour
    FROM placed AS p
    CROSS JOIN asked AS a
    LEFT JOIN weather AS w USING (message_id)
    WHERE len(a.channels) = 0 OR list_contains(a.channels, p.channel)
)

SELECT
    message_id,
    policy,
    CASE WHEN told_by IS NULL THEN [] ELSE [told_by] END AS evidence
FROM judged
WHERE is_out_of_season OR is_elsewhere OR NOT is_right_weather OR NOT is_right_hour
