-- unfulfilled: of each line bought elsewhere than in a store, from the order until it is delivered
-- (see `arrived`) or what is missing is not kept: no review of it, nothing that goes with it. Where
-- nothing is heard for `undelivered_after`, it is delivered, or late, as the merchant says; late it is
-- after `late_after`, too, and then all marketing rests. One row a channel of the rule and value of a
-- scope.
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

shipped AS (
    SELECT order_id, line_number, min(event.occurred_at) AS shipped_at
    FROM steps
    WHERE type = 'order_shipped'
    GROUP BY order_id, line_number
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
