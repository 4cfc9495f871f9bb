-- All suppressions that ever were, each with the event that caused it; ended ones stay.
FROM suppressions_purchased
UNION ALL BY NAME
FROM suppressions_refused
UNION ALL BY NAME
FROM suppressions_capped
