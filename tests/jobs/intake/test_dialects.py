"""Dialects: a source may carry several streams, where its dialect says which each row is of."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.runs.pipeline import run
from tactful.jobs.settings.config import Config, idle
from tactful.transforms.sources import DIALECTS, Dialect, canonical

DAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
STREAMS = ("purchases", "messages")
CONF = """
[lake]
location = "{root}/lake"
[sources.hub]
stream = "purchases"
path = "{root}/landing"
[[suppress]]
name = "bought_it"
when = "purchased"
match = "sku"
lasts = "10d"
"""


def mixed(rows: DataFrame, *, stream: str | None, **about: Any) -> DataFrame:
    """Rows that say themselves which stream they are of."""
    assert stream is None
    told = F.get_json_object("value", "$.stream")
    each = (canonical.parse_rows(rows.where(told == s), stream=s, **about) for s in STREAMS)
    return reduce(DataFrame.unionByName, each)


def of_hub(read: Any, root: Path) -> Config:
    config = read(CONF.format(root=root))
    hub = config.sources["hub"].model_copy(update={"dialect": "hub", "stream": None})
    return config.model_copy(update={"sources": {"hub": hub}})


def test_one_file_feeds_several_streams(spark, read, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(DIALECTS, "hub", Dialect("hub", "A hub's own form.", mixed, STREAMS))
    who = [{"type": "email", "value": "ann@example.com"}]
    common = {"occurred_at": DAY.isoformat(), "identifiers": who, "event_id": "e1"}
    order = {"type": "order_placed", "order_id": "o1", "lines": [{"sku": "S1", "quantity": 1}]}
    sent = {"type": "sent", "message_id": "m1", "channel": "email"}
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "all.json").write_text(
        json.dumps({"stream": "purchases", **common, **order}) + "\n"
        + json.dumps({"stream": "messages", **common, **sent}) + "\n"
        + json.dumps({"stream": "messages", **common, "event_id": "e2", "type": "sent"}) + "\n"
    )  # fmt: skip
    config = of_hub(read, tmp_path)
    summary = run(config, as_of=DAY)

    def rows(table: str) -> list[dict[str, Any]]:
        return DeltaTable(str(tmp_path / "lake" / table)).to_pyarrow_table().to_pylist()

    assert (summary.read_rows, summary.accepted_rows, summary.quarantined_rows) == (3, 2, 1)
    assert [(row["stream"], row["reasons"]) for row in rows("quarantine")] == [
        ("messages", ["missing:message_id"])
    ]
    assert {(row["stream"], row["type"]) for row in rows("timeline")} == {
        ("purchases", "order_placed"), ("messages", "sent"),
    }  # fmt: skip
    assert [row["policy"] for row in rows("suppressions")] == ["bought_it"]
    # Any event may carry a signal of consent.
    assert {line.partition(" ")[0] for line in idle(config)} == {"suppress.service_open"}


def test_who_says_which_stream(errors, monkeypatch) -> None:
    """A source says it, unless its dialect says it of each row: never both, never neither."""
    streams = "clicks, purchases, messages, profiles, service"
    assert errors("[sources.web]\npath = 'x'") == [
        f"my.toml: sources.web.stream: found nothing; allowed: {streams}"
    ]
    monkeypatch.setitem(DIALECTS, "hub", Dialect("hub", "A hub's own form.", mixed, STREAMS))
    told = errors("[sources.hub]\npath = 'x'\ndialect = 'hub'\nstream = 'clicks'")
    assert (
        'my.toml: sources.hub.stream: found "clicks"; '
        "allowed: no stream: hub says of each row which one it is of"
    ) in told
