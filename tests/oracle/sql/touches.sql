-- Which orders count for which message, why, and how much of each order is the message's own. Of the
-- same person, an order counts by the click that it follows, else by the campaign that it names, else
-- by a product that the message offered; each within the attribution window, after the click or after
-- the sending.
WITH clicks_of_messages AS (
    SELECT message_id, min(occurred_at) AS moment
    FROM messages
    WHERE type = 'clicked'
    GROUP BY message_id
),

offered AS (
    SELECT DISTINCT message_id, person_id, unnest(skus) AS sku
    FROM sendings
),

reasons AS (
    SELECT s.message_id, o.order_id, 1 AS rank, 'click' AS touch, c.moment
    FROM sendings AS s
    JOIN clicks_of_messages AS c USING (message_id)
    JOIN orders AS o USING (person_id)
    UNION ALL
    SELECT s.message_id, o.order_id, 2, 'campaign', s.occurred_at
    FROM sendings AS s
    JOIN orders AS o USING (person_id, campaign_id)
    UNION ALL
    SELECT s.message_id, b.order_id, 3, 'product', s.occurred_at
    FROM sendings AS s
    JOIN offered USING (message_id)
    JOIN bought AS b ON b.person_id = s.person_id AND b.sku = offered.sku
    WHERE NOT b.is_negative
),

counted AS (
    SELECT r.*
    FROM reasons AS r
    JOIN orders AS o USING (order_id)
    CROSS JOIN settings AS c
    WHERE o.occurred_at BETWEEN r.moment AND r.moment + c.attribution_window
    QUALIFY row_number() OVER (PARTITION BY message_id, order_id ORDER BY rank) = 1
),

-- Each touch against every touch of its order, itself among them: what it is worth by time is one
-- part of what all are worth, counted in its own worth.
compared AS (
    SELECT
        one.message_id,
        one.order_id,
        count(*) AS touches,
        count(*) FILTER ((other.moment, other.message_id) < (one.moment, one.message_id)) AS earlier,
        count(*) FILTER ((other.moment, other.message_id) > (one.moment, one.message_id)) AS later,
        sum(pow(2::DOUBLE, (epoch_us(other.moment) - epoch_us(one.moment)) / epoch_us(s.half_life)))
            AS worths
    FROM counted AS one
    JOIN counted AS other USING (order_id)
    CROSS JOIN settings AS s
    GROUP BY one.message_id, one.order_id
)

SELECT
    message_id,
    order_id,
    touch,
    {
        last_touch: CASE WHEN later = 0 THEN 1::DOUBLE ELSE 0 END,
        first_touch: CASE WHEN earlier = 0 THEN 1::DOUBLE ELSE 0 END,
        linear: 1::DOUBLE / touches,
        time_decay: 1::DOUBLE / worths,
        position: CASE
            WHEN touches = 1 THEN 1::DOUBLE
            WHEN touches = 2 THEN 0.5
            WHEN earlier = 0 OR later = 0 THEN 0.4
            ELSE 0.2::DOUBLE / (touches - 2)
        END
    } AS weights
FROM counted
JOIN compared USING (message_id, order_id)
