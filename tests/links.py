"""Links and labels as arrays, as far as tests without Spark write them: what their columns are."""

from __future__ import annotations

import pyarrow as pa

EVENT_REF = pa.struct(
    [("occurred_at", pa.timestamp("us", "UTC")), ("stream", pa.string()), ("event_id", pa.string())]
)
LINKS = pa.schema(
    [
        ("identifier_keys", pa.list_(pa.string())),
        ("identifier_types", pa.list_(pa.string())),
        ("first_seen", EVENT_REF),
        ("last_seen", EVENT_REF),
        ("kind", pa.string()),
    ]
)
# What is asked of labels of before.
BEFORE = pa.schema(
    [
        ("identifier_key", pa.string()),
        ("person_id", pa.string()),
        ("state", pa.string()),
        ("is_minted", pa.bool_()),
        ("first_seen_at", pa.timestamp("us", "UTC")),
    ]
)
