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
# # Why did she get this, and why not that?
#
# `tactful explain WHO` answers for one customer, from the tables that are there. This notebook asks
# it about the customer of whom most is known to have gone wrong, and then asks the tables the same
# question for everybody. Nothing here starts Spark or Java.
#
# Another lake: set `TACTFUL_LAKE` to its folder, and `TACTFUL_CONF` to your configuration, before
# you start.

# %%
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
from deltalake import DeltaTable

lake = Path(os.environ.get("TACTFUL_LAKE", "demo-lake"))
conf = os.environ.get("TACTFUL_CONF", "conf/demo.toml")
db = duckdb.connect()
db.execute("SET TimeZone = 'UTC'")  # all times in a lake are UTC
for name in ("regrets", "identity", "identifiers"):
    db.register(name, DeltaTable(str(lake / name)).to_pyarrow_dataset())


def explain(who: str, *more: str) -> str:
    """What `tactful explain` says of somebody."""
    command = [sys.executable, "-m", "tactful.jobs.cli", "explain", who, *more]
    asked = [*command, "--lake", str(lake), "--conf", conf]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


# %% [markdown]
# ## Who got most that should not have been sent?

# %%
worst = db.sql("""
SELECT person_id, count(DISTINCT message_id) AS messages, count(DISTINCT policy) AS policies
FROM regrets
WHERE person_id IS NOT NULL
GROUP BY person_id
ORDER BY messages DESC, person_id
LIMIT 5
""")
worst.show()
her = worst.fetchall()[0][0]

# %% [markdown]
# ## Everything about her
#
# Which events make her identifiers one customer, what must not be said to her and until when, how
# much of each cap she has used up, what is planned for her and what it lost to, and who was told.

# %%
print(explain(her, "--rows", "3"))

# %% [markdown]
# ## The same for programs
#
# `--json` has every part under its name, times in UTC.

# %%
facts = json.loads(explain(her, "--json"))
for row in facts["suppressions"]["rows"]:
    print(row["policy"], "until", row["ends_at"] or "it is lifted:", row["would_lift"])
for row in facts["plans"]["rows"]:
    print(row["policy"], row["channel"], row["outcome"], row["why"])

# %% [markdown]
# ## Why one message was sent, and what spoke against it

# %%
[message] = db.sql("SELECT min(message_id) FROM regrets WHERE person_id = $her",
                   params={"her": her}).fetchall()[0]  # fmt: skip
print(explain(her, "--message", message))

# %% [markdown]
# ## Why are these two identifiers one customer?
#
# With two identifiers it shows the shortest path of events between them, or what keeps them apart.

# %%
one, other = db.sql("""
SELECT min(i.identifier_type || ':' || n.value), max(i.identifier_type || ':' || n.value)
FROM identity AS i
JOIN identifiers AS n USING (identifier_key)
WHERE i.person_id = $her AND i.state = 'linked'
""", params={"her": her}).fetchall()[0]  # fmt: skip
print(explain(one, other) if one != other else f"She is known by {one} alone.")
