# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What do my policies do, and what would others?
#
# Rules, caps and plans of a lake side by side: whom each protects, what it would have stopped, what
# it lost to, and what a tighter cap would mean. Read with DuckDB, without Spark and without Java.
#
# Another lake: set `TACTFUL_LAKE` to its folder before you start.

# %%
import os
from pathlib import Path

import duckdb
from deltalake import DeltaTable

lake = Path(os.environ.get("TACTFUL_LAKE", "demo-lake"))
db = duckdb.connect()
db.execute("SET TimeZone = 'UTC'")  # all times in a lake are UTC
for name in ("regrets", "suppressions", "pressure", "activations", "timeline"):
    db.register(name, DeltaTable(str(lake / name)).to_pyarrow_dataset())

# %% [markdown]
# ## Whom does each rule protect, and what would it have stopped?
#
# A rule that protects many and would have stopped nothing is cheap; one that would have stopped
# much is what your senders should ask first (`tactful screen`).

# %%
db.sql("""
WITH stopped AS (
    SELECT policy, count(DISTINCT message_id) AS messages, sum(cost) AS cost
    FROM regrets
    GROUP BY policy
)
SELECT coalesce(s.policy, r.policy) AS policy, count(DISTINCT s.person_id) AS persons_ever,
       count(DISTINCT s.person_id) FILTER (s.lifted_by IS NOT NULL) AS lifted_for,
       any_value(r.messages) AS messages_it_would_have_stopped, any_value(r.cost) AS cost
FROM suppressions AS s
FULL JOIN stopped AS r ON r.policy = s.policy
GROUP BY coalesce(s.policy, r.policy)
ORDER BY messages_it_would_have_stopped DESC NULLS LAST, policy
""").show()

# %% [markdown]
# ## Which rules stop the same messages?
#
# Where two rules nearly always speak together, one of them may be enough.

# %%
db.sql("""
SELECT a.policy, b.policy AS and_also, count(DISTINCT a.message_id) AS messages
FROM regrets AS a
JOIN regrets AS b ON b.message_id = a.message_id AND b.policy > a.policy
GROUP BY ALL
ORDER BY messages DESC, a.policy, and_also
LIMIT 10
""").show()

# %% [markdown]
# ## How full are the caps?

# %%
db.sql("""
SELECT cap, cap_limit, counted, count(*) AS persons, min(next_allowed_at) AS next_is_free_on
FROM pressure
GROUP BY cap, cap_limit, counted
ORDER BY cap, counted DESC
""").show()

# %% [markdown]
# ## What would another cap have stopped?
#
# Of all that was sent to one person in any seven days, how much lies beyond one to five a week.
# These are all messages; a cap of yours may count some of them only.

# %%
db.sql("""
WITH sent AS (
    SELECT person_id, message_id, min(occurred_at) AS sent_at
    FROM timeline
    WHERE type = 'sent' AND person_id IS NOT NULL AND message_id IS NOT NULL
    GROUP BY person_id, message_id
),
placed AS (
    SELECT count(*) OVER (
        PARTITION BY person_id ORDER BY sent_at
        RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND CURRENT ROW
    ) AS nth
    FROM sent
)
SELECT allowed AS a_week, count(*) FILTER (nth > allowed) AS messages_beyond,
       round(100.0 * count(*) FILTER (nth > allowed) / greatest(count(*), 1), 1) AS percent
FROM placed, range(1, 6) AS limits(allowed)
GROUP BY allowed
ORDER BY allowed
""").show()

# %% [markdown]
# ## What is said next, and what does it lose to?
#
# One row of `activations` is a plan for one person on one channel; `lost_to` names the plans that
# have its place.

# %%
db.sql("""
SELECT policy, outcome, reason, count(*) AS plans, count(DISTINCT person_id) AS persons,
       min(send_at) AS first_on
FROM activations
GROUP BY policy, outcome, reason
ORDER BY policy, plans DESC, outcome, reason
""").show()

# %%
db.sql("""
SELECT l.policy AS loser, w.policy AS winner, count(*) AS plans
FROM (SELECT policy, unnest(lost_to) AS won_by FROM activations) AS l
JOIN activations AS w ON w.activation_id = l.won_by
GROUP BY ALL
ORDER BY plans DESC, loser, winner
""").show()
