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
# # A first look at a lake
#
# `make demo` leaves a lake in `demo-lake/`. Its published tables are Delta tables in plain
# folders: this notebook reads them with DuckDB, without Spark and without Java.
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
for name in (
    "regrets", "suppressions", "customers", "customer_scores", "outcomes", "timeline", "pressure",
):  # fmt: skip
    db.register(name, DeltaTable(str(lake / name)).to_pyarrow_dataset())

# %% [markdown]
# ## Which rules would have stopped what, and what did it cost?
#
# One row of `regrets` is a message and a rule that would have stopped it, had everything been
# known in time. A message may break several rules.

# %%
db.sql("""
SELECT policy, channel, count(*) AS messages, sum(cost) AS cost
FROM regrets
GROUP BY policy, channel
ORDER BY messages DESC, policy, channel
LIMIT 8
""").show()

# %% [markdown]
# ## Who is protected right now, from what, and when does the next protection end?
#
# A suppression is a span with a start and an end, so "right now" is a filter. No channels means
# all channels, no end means until it is lifted.

# %%
db.sql("""
SELECT policy, array_to_string(channels, ', ') AS channels,
       count(DISTINCT person_id) AS persons, min(ends_at) AS next_end
FROM suppressions
WHERE starts_at <= (SELECT max(as_of) FROM customer_scores)
  AND (ends_at IS NULL OR ends_at > (SELECT max(as_of) FROM customer_scores))
GROUP BY policy, channels
ORDER BY persons DESC, policy, channels
LIMIT 8
""").show()

# %% [markdown]
# ## Was a message followed by an order, where the product had just been bought and where not?
#
# More orders do not make the message right: whoever has just bought a product likes it anyway.
# Only a group that got no message could tell.

# %%
db.sql("""
SELECT o.channel, r.message_id IS NOT NULL AS bought_just_before,
       count(*) AS messages, count(o.clicked_at) AS clicked,
       count(o.goal_reached_at) AS followed_by_an_order
FROM outcomes AS o
LEFT JOIN regrets AS r ON r.message_id = o.message_id AND r.policy = 'bought_it'
GROUP BY o.channel, bought_just_before
ORDER BY o.channel, bought_just_before
""").show()

# %% [markdown]
# ## What else is there?
#
# `tactful tables` prints every table with its columns. This is the timeline, where everything
# that happened to a person stands in order.

# %%
db.sql("DESCRIBE timeline").show()
