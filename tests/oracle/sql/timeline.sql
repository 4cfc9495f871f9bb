-- Everything that happened, one row an event, or one a line of a purchase, with whose it is.
SELECT
    person_id,
    occurred_at,
    CAST(occurred_at AS DATE) AS event_date,
    stream,
    type,
    event_id,
    sku,
    category,
    order_id,
    line_id,
    quantity,
    amount,
    currency,
    message_id,
    channel,
    campaign_id,
    coalesce(line_number, 0) AS line_number
FROM (
    SELECT 'clicks' AS stream, * FROM owned('clicks')
    UNION ALL BY NAME
    SELECT 'purchases' AS stream, * FROM lines
    UNION ALL BY NAME
    SELECT 'messages' AS stream, * FROM message_events
    UNION ALL BY NAME
    SELECT 'profiles' AS stream, * FROM owned('profiles')
    UNION ALL BY NAME
    SELECT 'service' AS stream, * FROM owned('service')
)
