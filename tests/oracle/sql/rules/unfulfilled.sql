-- unfulfilled: of each line bought elsewhere than in a store, from the order until it is delivered
-- (quantity by quantity: told by its id, else by its product, else for the whole order; what tells no
-- quantity delivers all that it is about) or what is missing is not kept: no review
-- of it, nothing that goes with it. Where nothing is heard for `undelivered_after`, it is delivered, or
-- late, as the merchant says; late it is after `late_after`, too, and then all marketing rests. One row
-- a channel of the rule and value of a scope.
WITH chosen AS (
    SELECT
        name AS policy,
        channels,
        CASE
            WHEN json_exists(options, '$.review_topics') THEN options ->> '$.review_topics[*]'
            ELSE ['review_request']
        END AS review_topics,
        CASE
            WHEN json_exists(options, '$.complement_topics') THEN options ->> '$.complement_topics[*]'
            ELSE ['complement']
        END AS complement_topics,
        span(options ->> 'late_after') AS late_after,
        coalesce(options ->> 'late_from', 'order_placed') AS late_from,
        coalesce(span(options ->> 'undelivered_after'), INTERVAL 30 DAY) AS undelivered_after,
        coalesce(options ->> 'without_delivery', 'delivered') = 'delivered' AS gives_up
    FROM rules
    WHERE reason = 'unfulfilled'
),

steps AS (
    SELECT
        b.order_id,
        b.line_number,
        b.sku,
        b.units,
        e.type,
        {occurred_at: e.occurred_at, event_id: e.event_id} AS event,
        CASE WHEN e.line_id IS NOT NULL THEN 'id' WHEN e.sku IS NOT NULL THEN 'sku' ELSE 'order' END AS names,
        CAST(10000 * abs(e.quantity) AS HUGEINT) AS parts
    FROM bought AS b
    JOIN lines AS e USING (order_id)
    WHERE
        e.type IN ('order_delivered', 'order_shipped')
        AND NOT b.is_negative
        AND CASE
            WHEN e.line_id IS NOT NULL THEN e.line_id = b.line_id
            WHEN e.sku IS NOT NULL THEN e.sku = b.sku
            ELSE true
        END
),

shipped AS (
    SELECT order_id, line_number, min(event.occurred_at) AS shipped_at
    FROM steps
    WHERE type = 'order_shipped'
    GROUP BY order_id, line_number
),

-- What of a line comes back, up to each event that matters to it.
moments AS (
    SELECT order_id, line_number, event FROM steps WHERE type = 'order_delivered'
    UNION
    SELECT order_id, line_number, {occurred_at: occurred_at, event_id: event_id} FROM taken WHERE units > 0
),

numbered AS (
    SELECT
        m.order_id,
        m.line_number,
        m.event,
        greatest(
            least(any_value(b.units), coalesce(sum(t.units) FILTER (t.type <> 'order_refunded'), 0)),
            coalesce(sum(t.units) FILTER (t.type = 'order_refunded'), 0)
        ) AS back
    FROM moments AS m
    JOIN bought AS b USING (order_id, line_number)
    JOIN taken AS t ON t.order_id = m.order_id AND t.line_number = m.line_number
        AND (t.occurred_at, t.event_id) <= (m.event.occurred_at, m.event.event_id)
    GROUP BY m.order_id, m.line_number, m.event, t.number
),

given_back AS (
    SELECT order_id, line_number, event, sum(back) AS back
    FROM numbered
    GROUP BY order_id, line_number, event
),

cancelled AS (
    SELECT order_id, line_number, sum(units) AS units
    FROM taken
    WHERE type = 'order_cancelled'
    GROUP BY order_id, line_number
),

-- A quantity that names no line by its id goes to the lines in turn, as far as they wait for some.
waiting AS (
    SELECT
        b.order_id,
        b.line_number,
        b.sku,
        b.units,
        greatest(0, b.units - least(b.units, coalesce(any_value(c.units), 0)) - CASE
            WHEN bool_or(s.names = 'id' AND s.parts IS NULL) THEN b.units
            ELSE coalesce(sum(s.parts) FILTER (s.names = 'id'), 0)
        END) AS room,
        coalesce(bool_or(s.names = 'sku' AND s.parts IS NULL), false) AS is_whole,
        coalesce(sum(s.parts) FILTER (s.names = 'sku'), 0) AS of_product
    FROM bought AS b
    LEFT JOIN steps AS s ON s.order_id = b.order_id AND s.line_number = b.line_number AND s.type = 'order_delivered'
    LEFT JOIN cancelled AS c ON c.order_id = b.order_id AND c.line_number = b.line_number
    WHERE NOT b.is_negative
    GROUP BY b.order_id, b.line_number, b.sku, b.units
),

in_product AS (
    SELECT *, coalesce(sum(room) OVER (
        PARTITION BY order_id, sku ORDER BY line_number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS before
    FROM waiting
),

still AS (
    SELECT
        *,
        room - CASE WHEN is_whole THEN room ELSE greatest(0, least(room, of_product - before)) END AS rest
    FROM in_product
),

in_order AS (
    SELECT *, coalesce(sum(rest) OVER (
        PARTITION BY order_id ORDER BY line_number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS ahead
    FROM still
),

come AS (
    SELECT
        m.order_id,
        m.line_number,
        m.event,
        coalesce(bool_or(s.parts IS NULL AND s.event IS NOT NULL), false) AS is_all,
        coalesce(sum(s.parts) FILTER (s.names = 'id'), 0) AS by_id,
        coalesce(sum(s.parts) FILTER (s.names = 'sku'), 0) AS by_product,
        coalesce(sum(s.parts) FILTER (s.names = 'order'), 0) AS by_order
    FROM moments AS m
    LEFT JOIN steps AS s
        ON s.order_id = m.order_id AND s.line_number = m.line_number AND s.type = 'order_delivered'
        AND s.event <= m.event
    GROUP BY m.order_id, m.line_number, m.event
),

arrived AS (
    SELECT o.order_id, o.line_number, min(k.event) AS event
    FROM in_order AS o
    JOIN come AS k USING (order_id, line_number)
    LEFT JOIN given_back AS g USING (order_id, line_number, event)
    WHERE
        k.is_all
        OR k.by_id + greatest(0, least(o.room, k.by_product - o.before))
            + greatest(0, least(o.rest, k.by_order - o.ahead))
            + least(o.units, coalesce(g.back, 0)) >= o.units
    GROUP BY o.order_id, o.line_number
),

waited_for AS (
    SELECT
        b.*,
        c.*,
        p.complements,
        w.shipped_at,
        b.occurred_at + c.undelivered_after AS given_up_at,
        a.event AS told
    FROM bought AS b
    CROSS JOIN chosen AS c
    LEFT JOIN shipped AS w USING (order_id, line_number)
    LEFT JOIN arrived AS a USING (order_id, line_number)
    LEFT JOIN products AS p USING (sku)
    WHERE is_person(b.person_id) AND NOT b.is_negative AND coalesce(lower(trim(b.place, ' ')), '') <> 'store'
),

ended AS (
    SELECT
        *,
        coalesce(NOT gives_up OR told.occurred_at < given_up_at, false) AND told IS NOT NULL AS is_told,
        CASE
            WHEN is_told THEN greatest(occurred_at, told.occurred_at)
            WHEN gives_up THEN given_up_at
        END AS ends_at,
        least(
            CASE WHEN late_from = 'order_shipped' THEN shipped_at ELSE occurred_at END + late_after,
            CASE WHEN NOT gives_up THEN given_up_at END
        ) AS late_at
    FROM waited_for
),

made AS (
    SELECT
        *,
        'review' AS made_for,
        occurred_at AS starts_at,
        CASE WHEN sku IS NULL THEN 'topic' ELSE 'sku' END AS scope_kind,
        unnest(CASE WHEN sku IS NULL THEN list_transform(review_topics, lambda t: topic_word(t)) ELSE [sku] END)
            AS scope_value,
        CASE WHEN sku IS NOT NULL THEN list_sort(list_distinct(list_transform(review_topics, lambda t: topic_word(t)))) END
            AS of_topics
    FROM ended
    WHERE len(review_topics) > 0
    UNION ALL
    SELECT
        *,
        'complement',
        occurred_at,
        CASE WHEN coalesce(len(complements), 0) = 0 THEN 'topic' ELSE 'sku' END,
        unnest(
            CASE
                WHEN coalesce(len(complements), 0) = 0 THEN list_transform(complement_topics, lambda t: topic_word(t))
                ELSE list_distinct(complements)
            END
        ),
        CASE
            WHEN len(complements) > 0
                THEN list_sort(list_distinct(list_transform(complement_topics, lambda t: topic_word(t))))
        END
    FROM ended
    WHERE len(complement_topics) > 0
    UNION ALL
    SELECT *, 'late', greatest(occurred_at, late_at), 'purpose', 'marketing', NULL
    FROM ended
    WHERE late_at IS NOT NULL AND greatest(occurred_at, late_at) < coalesce(ends_at, 'infinity')
)

SELECT
    person_id,
    policy,
    'unfulfilled' AS reason,
    unnest(each_channel(channels)) AS channel,
    scope_kind,
    scope_value,
    of_topics,
    made_for,
    starts_at,
    ends_at,
    CASE WHEN is_told THEN named('purchases', told.event_id) END AS lifted_by,
    [named('purchases', event_id)] AS evidence,
    'purchases' AS cause_stream,
    event_id AS cause_id,
    line_number
FROM made
