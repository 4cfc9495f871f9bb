"""A lake made before contacts had numbers in the timeline still finds its messages."""

from __future__ import annotations

from datetime import UTC, datetime

import deltalake
import pyarrow as pa

from tactful.jobs.lake.frames import materialise, small_frame
from tactful.jobs.lake.local_store import LocalStore
from tactful.schemas.timeline import TIMELINE_LOG


def test_messages_are_found_in_files_of_before(spark, tmp_path):
    store = LocalStore(spark, str(tmp_path))
    row = {
        "event_class": "message",
        "stream": "messages",
        "type": "sent",
        "event_id": "e",
        "message_id": "m",
        "line_number": 0,
        "occurred_at": datetime(2026, 3, 1, tzinfo=UTC),
        "identifier_keys": ["k"],
        "anchor_key": "k",
    }
    t = small_frame(spark, [row], TIMELINE_LOG.struct()).toArrow().drop_columns(["contact_id"])
    deltalake.write_deltalake(store.path(TIMELINE_LOG), t, partition_by=["event_class"])
    store.create(TIMELINE_LOG, properties={})
    logs = store.logs({TIMELINE_LOG.id: store.version(TIMELINE_LOG)}, batch=1, keep=materialise)
    keys = spark.createDataFrame(pa.table({"message_id": ["m"]}))
    got = logs.messages(keys, count=1).collect()
    assert [(r.event_id, r.contact_id) for r in got] == [("e", None)]
    logs.release()
