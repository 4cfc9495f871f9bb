"""Whole runs over a few hand-written events: what a user would see in tables and outbox."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from tactful.jobs.errors import (
    CheckpointMismatch,
    ClockError,
    IdentityChanged,
    LakeTooNew,
    SourceMissing,
)
from tactful.jobs.runs.pipeline import run
from tactful.jobs.settings.config import load
from tests.conftest import SECRET
from tests.product import DECIDING

DAY = timedelta(days=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
CONF = """
[lake]
location = "{root}/lake"
secret = "env:TACTFUL_SECRET"
[sources.shop]
stream = "purchases"
path = "{root}/landing/shop"
[[suppress]]
name = "bought_it"
when = "purchased"
match = "sku"
lasts = "10d"
[[destinations]]
name = "meta"
kind = "meta_custom_audience"
policy = "bought_it"
audience_id = "1"
[consent]
default = "opt_out"
"""
SITE = """
[sources.site]
stream = "clicks"
path = "{root}/landing/site"
"""


def rows(lake: Path, table: str) -> list[dict[str, Any]]:
    return DeltaTable(str(lake / table)).to_pyarrow_table().to_pylist()


def put(root: Path, source: str, name: str, *events: dict[str, Any]) -> None:
    home = root / "landing" / source
    home.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(event) + "\n" for event in events)
    (home / f"{name}.json").write_text(text)


def order(event_id: str, at: datetime, email: str) -> dict[str, Any]:
    line = {"line_id": "1", "sku": "S1", "quantity": 1, "amount": 5}
    return {
        "event_id": event_id, "type": "order_placed", "occurred_at": at.isoformat(),
        "order_id": event_id, "currency": "USD", "lines": [line],
        "identifiers": [{"type": "email", "value": email}],
    }  # fmt: skip


def configured(root: Path, *, site: bool = False, **overrides: Any):
    text = CONF + (SITE if site else "")
    (root / "tactful.toml").write_text(text.format(root=root))
    return load(root / "tactful.toml", overrides=overrides or None)


def files(lake: Path) -> list[str]:
    return sorted(p.name for p in (lake / "outbox" / "meta").glob("*.json"))


def test_a_lake_lives(spark, tmp_path: Path) -> None:
    """A purchase is excluded; a source added later merges two persons; on a quiet lake the
    suppression falls due and leaves; removals come before additions."""
    root, lake = tmp_path, tmp_path / "lake"
    put(root, "shop", "1", order("o1", MONDAY, "ann@example.com"))
    put(root, "shop", "2", order("o2", MONDAY - 20 * DAY, "b.ann@example.com"))
    run(configured(root), as_of=MONDAY + DAY)
    (first,) = rows(lake, "records")
    assert (first["operation"], len(first["identifier_keys"])) == ("add", 1)
    persons = {row["person_id"] for row in rows(lake, "identity")}
    assert len(persons) == 2

    both = [{"type": "email", "value": e} for e in ("ann@example.com", "b.ann@example.com")]
    login = {"event_id": "c1", "type": "login", "identifiers": both}
    put(root, "site", "1", {**login, "occurred_at": (MONDAY + DAY).isoformat()})
    run(configured(root, site=True), as_of=MONDAY + 2 * DAY)
    assert len({row["person_id"] for row in rows(lake, "identity")}) == 1
    (change,) = rows(lake, "identity_changes")
    assert change["kind"] == "merge"
    assert change["cause_event_id"] == "clicks:c1"
    assert len(rows(lake, "records")) == 2, "only the newcomer's address is added"

    # Nothing new but time: Ann's suppression ends, while Cy's order arrives in the same batch.
    put(root, "shop", "3", order("o3", MONDAY + 11 * DAY, "cy@example.com"))
    run(configured(root, site=True), as_of=MONDAY + 12 * DAY, steps=DECIDING)
    run(configured(root, site=True), as_of=MONDAY + 30 * DAY)
    told = sorted(rows(lake, "records"), key=lambda r: (r["batch_id"], r["position"]))
    steps = [(r["batch_id"], r["operation"], len(r["identifier_keys"])) for r in told]
    assert steps == [
        (0, "add", 1), (1, "add", 1), (2, "remove", 1), (2, "remove", 1), (2, "add", 1),
        (3, "remove", 1),
    ], "Meta takes one email a row, so two addresses are two rows"  # fmt: skip
    added, removed = (
        {key for r in told if r["operation"] == operation for key in r["identifier_keys"]}
        for operation in ("add", "remove")
    )
    assert removed <= added, "A158: nobody is removed whom Tactful did not add"
    assert [name.split("-")[-1] for name in files(lake)] == [
        "add.json", "add.json", "remove.json", "add.json", "remove.json",
    ]  # fmt: skip
    (ann,) = [r for r in rows(lake, "suppressions") if r["evidence"] == ["purchases:o1"]]
    assert ann["ends_at"] == MONDAY + 10 * DAY
    assert_secret_stays_secret(lake)


def assert_secret_stays_secret(lake: Path) -> None:
    secret = SECRET.encode()
    found = [p for p in lake.rglob("*") if p.is_file() and secret in p.read_bytes()]
    assert not found
    for email in (b"ann@example.com", b"cy@example.com"):
        for table in ("records", "deliveries", "identity", "timeline", "_log/links", "outbox"):
            holding = [p for p in (lake / table).rglob("*") if p.is_file()]
            assert not [p for p in holding if email in p.read_bytes()], table


def test_what_must_stop_a_run_stops_it_before_anything_is_written(spark, tmp_path: Path) -> None:
    root, lake = tmp_path, tmp_path / "lake"
    put(root, "shop", "1", order("o1", MONDAY, "ann@example.com"))
    with pytest.raises(SourceMissing, match="Source site reads"):
        run(configured(root, site=True), as_of=MONDAY + DAY)
    assert not lake.exists()
    run(configured(root), as_of=MONDAY + DAY, steps=("land", "accept"))
    state = lake / "_lake.json"
    content = state.read_text()

    def refused(error: type[Exception], words: str, **overrides: Any) -> None:
        before = listing(lake)
        with pytest.raises(error, match=words):
            run(configured(root, **overrides), as_of=MONDAY + 2 * DAY)
        assert listing(lake) == before

    with pytest.raises(ClockError, match="lies before"):
        run(configured(root), as_of=MONDAY)
    refused(IdentityChanged, "identity section differs", identity={"max_links": 7})
    state.write_text(json.dumps({**json.loads(content), "format_version": 99}))
    refused(LakeTooNew, "format 99")
    state.write_text(content)
    place = lake / "_checkpoints" / "accept" / "generation.json"
    kept = place.read_text()
    place.write_text(json.dumps({**json.loads(kept), "query": "land_shop", "generation": "x"}))
    refused(CheckpointMismatch, "belongs to query land_shop")
    place.unlink()
    refused(CheckpointMismatch, "is missing")
    place.write_text(kept)


def listing(lake: Path) -> list[tuple[str, int]]:
    paths = (p for p in lake.rglob("*") if p.is_file() and p.name != "_lock")
    return sorted((str(p), os.stat(p).st_mtime_ns) for p in paths)
