-- The orders of each person; one whose lines were all cancelled is none.
SELECT
    person_id,
    order_id,
    currency,
    min(occurred_at) AS placed_at,
    bool_and(is_cancelled) AS is_cancelled,
    CAST(sum(kept) AS HUGEINT) AS kept,
    CAST(sum(value) AS HUGEINT) AS value,
    CAST(sum(margin) AS HUGEINT) AS margin,
    count(*) FILTER (NOT is_cancelled) AS lines,
    count(*) FILTER (NOT is_cancelled AND is_discounted) AS discounted_lines,
    count(*) FILTER (NOT is_cancelled AND is_returned) AS returned_lines
FROM customer_lines
GROUP BY person_id, order_id, currency
