-- What the purchases stream says, one row a line (DESIGN 4): a purchase without lines is one row of
-- what it says itself, which acts on the line or product it names or on all. An amount not told is
-- quantity × price − discount, of what is ordered without a quantity that of one; where that is below nothing, as tills write returns, a discount makes
-- it smaller, too.
WITH laid_out AS (
    SELECT
        * EXCLUDE (lines, line_id, sku, amount),
        line_id AS event_line_id,
        sku AS event_sku,
        amount AS event_amount,
        unnest(CASE WHEN len(lines) > 0 THEN lines ELSE [NULL] END) AS line,
        unnest(range(greatest(coalesce(len(lines), 0), 1))) AS line_number
    FROM owned('purchases')
)

SELECT
    * EXCLUDE (how_many, line, event_line_id, event_sku, event_amount, line_number),
    CAST(line_number AS INTEGER) AS line_number,
    coalesce(line.line_id, event_line_id) AS line_id,
    CASE WHEN line IS NULL THEN event_sku ELSE line.sku END AS sku,
    line.category AS category,
    line.discount AS discount,
    line.quantity AS quantity,
    coalesce(
        CASE WHEN line IS NULL THEN event_amount END,
        line.amount,
        TRY_CAST(
            how_many * line.unit_price
            - coalesce(line.discount, 0)
            * CASE
                WHEN how_many * line.unit_price < 0 AND line.discount > 0 THEN -1
                ELSE 1
            END
            AS DECIMAL(18, 4)
        )
    ) AS amount
FROM (
    SELECT
        *,
        CAST(
            coalesce(line.quantity, CASE WHEN type = 'order_placed' THEN 1 END) AS DECIMAL(28, 4)
        ) AS how_many
    FROM laid_out
)
